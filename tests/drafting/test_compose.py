"""What becomes of a draft where the network, or the text it gives, is not as it should be."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import resources
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.tool import Tool

from cxrreport.drafting.compose import Composer
from cxrreport.drafts import Finding
from cxrreport.engine.local import LocalEngine
from cxrreport.errors import PixelError
from cxrreport.findings import FINDINGS, State
from cxrreport.model.drafter import Drafter, NetworkDraft
from cxrreport.model.prose import Prose

PLAIN = "--without-retrieval"


def change_drafts(monkeypatch: pytest.MonkeyPatch, change: Callable[[NetworkDraft], NetworkDraft]) -> None:
    original = Drafter.draft
    monkeypatch.setattr(Drafter, "draft", lambda *arguments: [change(made) for made in original(*arguments)])


def test_a_study_of_which_the_network_makes_nothing_fails_alone(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(8))
    change_drafts(monkeypatch, lambda made: replace(made, valid=next(numbers) != 2))
    found = tool.json("generate", shared_export, PLAIN, code=3)
    assert found["drafted"] == 7 and found["failed"] == {"model.invalid": 1}
    assert tool.rows("SELECT accession, code FROM failure JOIN study ON study.id = study_id") == [
        ("A103", "model.invalid")
    ]


def test_a_query_that_is_not_finite_costs_its_own_references_alone(
    tool: Tool, shared_export: Path, shared_reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Drafter.embed_images

    def spoilt(*arguments: Any) -> np.ndarray:
        vectors = original(*arguments).copy()
        vectors[0] = np.nan
        return vectors

    tool.json("index", shared_reports)
    monkeypatch.setattr(Drafter, "embed_images", spoilt)
    assert tool.json("generate", shared_export)["drafted"] == 8
    count = "SELECT accession, count(rank) FROM study JOIN draft ON study.id = study_id"
    found = dict(tool.rows(count + " LEFT JOIN reference ON draft.id = draft_id GROUP BY 1"))
    assert found.pop("A101") == 0 and set(found.values()) == {5}


def test_a_prior_that_cannot_be_read_by_the_network_is_no_prior(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, compose, studies = Drafter.read_states, Composer.compose, [0]

    def count(composer: Composer, batch: Any, *told: Any) -> Any:
        studies[0] = len(batch)
        return compose(composer, batch, *told)

    def spoilt(*arguments: Any) -> Any:  # the priors come after the studies
        return [replace(one, valid=row < studies[0]) for row, one in enumerate(read(*arguments))]

    monkeypatch.setattr(Composer, "compose", count)
    monkeypatch.setattr(Drafter, "read_states", spoilt)
    found = tool.json("generate", shared_export, PLAIN)
    assert (found["drafted"], found["paired"]) == (8, 0)
    reasons = tool.rows("SELECT prior_reason FROM draft JOIN study ON study.id = study_id ORDER BY accession")
    assert reasons[1:3] == ["prior.unreadable"] * 2 and reasons[0] == "prior.none"


def with_table(monkeypatch: pytest.MonkeyPatch, **states: str) -> None:
    """Every study has this table; what is not named is absent."""
    known = {name.replace("_", " "): State(state) for name, state in states.items()}
    rows = tuple(Finding(f, known.get(f, State.NEGATIVE), 0.9 if known.get(f) == "positive" else 0.1) for f in FINDINGS)
    monkeypatch.setattr("cxrreport.drafting.compose.findings_table", lambda case: rows)


def test_places_are_sought_of_findings_that_are_called_and_of_no_others(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def look(network: Any, frontal: np.ndarray, findings: list[int]) -> np.ndarray:
        asked.append([FINDINGS[finding] for finding in findings])
        return np.ones((len(FINDINGS), 2, 2), np.float32)

    monkeypatch.setattr("cxrreport.drafting.compose.evidence_maps", look)
    with_table(monkeypatch, edema="positive", fracture="uncertain")
    tool.json("generate", shared_export, PLAIN)
    assert asked == [["edema"]] * 8
    assert tool.rows("SELECT DISTINCT kind, finding, score FROM region") == [("evidence", "edema", pytest.approx(0.9))]


def test_what_has_no_licence_is_dropped_and_flagged(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {  # said: kept, and the flag
        "No edema. There is a left effusion, increased since the prior study.": (
            "There is an effusion. No edema.", {"comparison_removed", "side_removed"}),
        "No edema. There is an effusion. No change since the prior study.": (
            "There is an effusion. No edema.", {"comparison_removed"}),
        "There is an effusion. There is a 12 mm nodule.": ("There is an effusion.", {"measurement_removed"}),
    }  # fmt: skip
    with_table(monkeypatch, pleural_effusion="positive")
    said = cycle(expected)
    change_drafts(monkeypatch, lambda made: replace(made, text=next(said), flags=(), others=()))
    tool.json("generate", shared_export, PLAIN)
    found = tool.rows("SELECT findings, flags FROM draft")
    assert len(found) == 8
    for findings, flags in found:
        assert any(findings == kept and due <= {*json.loads(flags)} for kept, due in expected.values()), findings
    spans = tool.rows("SELECT kind, finding, confidence FROM span WHERE section = 'findings'")
    assert all(kind == "evidence" and 0 < sure < 1 for kind, _, sure in spans) and len(spans) >= 8
    least = (
        "SELECT min(span.confidence), draft.confidence FROM draft JOIN span ON draft.id = draft_id GROUP BY draft.id"
    )
    assert all(one == whole for one, whole in tool.rows(least))


def test_a_study_of_which_nothing_can_be_said_gets_a_draft_that_says_so(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_table(monkeypatch, **{finding.replace(" ", "_"): "uncertain" for finding in FINDINGS})
    change_drafts(monkeypatch, lambda made: replace(made, text="The trachea is midline.", others=()))
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 8
    assert tool.rows("SELECT DISTINCT findings, impression FROM draft") == [
        ("Indeterminate: no finding is certain enough to be called.",) * 2
    ]


def test_a_wording_of_the_site_is_used_and_a_bad_one_stops_the_run(
    tool: Tool, shared_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = resources.files("cxrreport.drafting").joinpath("wording.yaml").read_text("utf-8")
    site = tmp_path / "site.yaml"
    monkeypatch.setenv("CXRREPORT_WORDING", str(site))
    with_table(monkeypatch, pneumothorax="positive")
    site.write_text(ours.replace("{one} cannot be excluded.", "{one} is present."))
    assert tool.json("generate", shared_export, PLAIN, code=78)["error"]["code"] == "configuration.wording"
    site.write_text(
        ours.replace('"There {is} {one}.", ', "").replace("{one} {is} present.", "{one} {is} demonstrated.")
    )
    tool.json("generate", shared_export, PLAIN)
    said = {findings.split(".")[0] for findings in tool.rows("SELECT findings FROM draft")}
    assert all(len(json.loads(made)["wording"]) == 12 for made in tool.rows("SELECT decoding FROM draft"))
    assert "A pneumothorax is demonstrated" in said and not any(one.startswith("There is a") for one in said)


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_children_that_a_stop_takes_along_spoil_no_film(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    """A stop of the whole process group ends the children too; their films must not count as broken."""
    if flags:  # the films whose tags are silent have their view: the stop comes while films are read to be drafted
        tool.json("generate", shared_export, *flags)
        with tool.connection() as connection:
            connection.exec_driver_sql("UPDATE image SET view = 'frontal' WHERE view IS NULL")

    def stopped(_: LocalEngine, __: object, items: Iterable[Any], *___: object) -> Iterator[tuple[Any, PixelError]]:
        for item in items:
            os.kill(os.getpid(), signal.SIGTERM)
            yield item, PixelError("The decoder crashed on the film.", "pixels.crash")

    with monkeypatch.context() as stop:
        stop.setattr(LocalEngine, "map", stopped)
        assert tool("generate", shared_export, PLAIN) == 143
    assert tool.rows("SELECT count(*) FROM failure") == [0]
    assert tool.rows("SELECT count(*) FROM image WHERE NOT usable") == [0]
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 8


def test_of_several_beams_the_one_most_like_the_archive_is_stored_with_its_flags(
    tool: Tool, shared_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_table(monkeypatch)
    other = Prose("The heart is of normal size.", ("repeated_sentence",), False)
    change_drafts(monkeypatch, lambda made: replace(made, text="No edema is seen.", flags=(), others=(other,)))
    (tmp_path / "reports.csv").write_text(
        "accession,patient_id,date,findings\nE1,Q99,1990-01-05,The heart is of normal size.\n"
    )
    tool.json("generate", shared_export, PLAIN)
    assert tool.rows("SELECT DISTINCT findings FROM draft") == ["No edema is seen."]
    tool.json("index", tmp_path / "reports.csv")
    tool.json("generate", shared_export, "--redo", "all")
    for findings, flags in tool.rows("SELECT findings, flags FROM draft WHERE status = 'preliminary'"):
        assert findings == other.text and "repeated_sentence" in json.loads(flags)


def test_no_sentence_of_a_retrieved_report_enters_a_draft(
    tool: Tool, shared_export: Path, shared_reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder says nothing of an edema that the table has; the words are the site's, not those of the archive."""
    with_table(monkeypatch, edema="positive")
    change_drafts(monkeypatch, lambda made: replace(made, text="No edema. No pneumothorax.", others=()))
    (tmp_path / "reports.csv").write_text(
        "accession,patient_id,date,findings\nE1,Q99,2020-01-05,There is interstitial edema of the lungs.\n"
    )
    tool.json("index", tmp_path / "reports.csv")
    tool.json("generate", shared_export)
    made = tool.rows("SELECT findings, flags FROM draft")
    assert len(made) == 8
    for findings, flags in made:
        assert findings.endswith("No pneumothorax.") and "pulmonary edema" in findings.lower()
        assert {"finding_named", "sentence_removed"} <= set(json.loads(flags))
