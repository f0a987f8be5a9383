"""What becomes of a draft where the network, or the text it gives, is not as it should be."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.tool import Tool

from cxrreport.drafting.compose import Composer
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


def test_what_the_network_cannot_know_is_dropped_or_else_marked(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxrreport.drafting.text.follow_table", lambda text, *_: (text, ()))
    expected = {  # said: kept, and the flag
        "Clear. Left effusion, increased since the prior study.": ("Clear. Left effusion.", "comparison_removed"),
        "No change since the prior study.": ("No change since the prior study.", "comparison_invented"),
        "The heart is normal. There is a 12 mm nodule.": ("The heart is normal.", "measurement_removed"),
    }
    comparing, nothing_else, measuring = expected
    said = cycle((measuring, comparing, comparing, nothing_else))
    change_drafts(monkeypatch, lambda made: replace(made, text=next(said), flags=()))
    tool.json("generate", shared_export, PLAIN)
    found = tool.rows("SELECT prior_study_id IS NULL, findings, flags FROM draft")
    assert len(found) == 8 and {row[1] for row in found} == {kept for kept, _ in expected.values()}
    assert all(dict(expected.values())[row[1]] in json.loads(row[2]) for row in found)
    # with a prior too: the decoder has not read it
    assert {row[0] for row in found if row[1].startswith("Clear.")} == {0, 1}
    spans = tool.rows("SELECT DISTINCT start_char, end_char FROM span WHERE kind = 'flag'")
    assert "No change" in {"No change since the prior study."[begin:end] for begin, end in spans}


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_children_that_a_stop_takes_along_spoil_no_film(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    """A stop of the whole process group ends the children too; their films must not count as broken."""
    if flags:  # the films whose tags are silent have their view: the stop comes while films are read to be drafted
        tool.json("generate", shared_export, *flags)
        with tool.connection() as connection:
            connection.exec_driver_sql("UPDATE image SET view = 'frontal' WHERE view IS NULL")

    def stopped(_: LocalEngine, __: object, items: Iterable[Any]) -> Iterator[tuple[Any, PixelError]]:
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
    monkeypatch.setattr("cxrreport.drafting.text.follow_table", lambda text, *_: (text, ()))
    other = Prose("The heart is of normal size.", ("repeated_sentence",), False)
    change_drafts(monkeypatch, lambda made: replace(made, text="Clear.", flags=(), others=(other,)))
    (tmp_path / "reports.csv").write_text(
        "accession,patient_id,date,findings\nE1,Q99,1990-01-05,The heart is of normal size.\n"
    )
    tool.json("generate", shared_export, PLAIN)
    assert tool.rows("SELECT DISTINCT findings FROM draft") == ["Clear."]
    tool.json("index", tmp_path / "reports.csv")
    tool.json("generate", shared_export, "--redo", "all")
    for findings, flags in tool.rows("SELECT findings, flags FROM draft WHERE status = 'preliminary'"):
        assert findings == other.text and "repeated_sentence" in json.loads(flags)


def test_the_text_follows_the_table_with_sentences_of_retrieved_reports(
    tool: Tool, shared_export: Path, shared_reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder says nothing of an edema that the table has; a report of the archive lends the words."""
    table = tuple(State.POSITIVE if finding == "edema" else State.NEGATIVE for finding in FINDINGS)
    change_drafts(
        monkeypatch,
        lambda made: replace(made, text="No edema. The lungs are clear.", states=replace(made.states, states=table)),
    )
    (tmp_path / "reports.csv").write_text(
        "accession,patient_id,date,findings\nE1,Q99,2020-01-05,There is interstitial edema of the lungs.\n"
    )
    tool.json("index", tmp_path / "reports.csv")
    tool.json("generate", shared_export)
    made = tool.rows("SELECT findings, flags FROM draft")
    assert len(made) == 8
    for findings, flags in made:
        assert findings == "There is interstitial edema of the lungs. The lungs are clear."
        assert {"sentence_borrowed", "sentence_removed"} <= set(json.loads(flags))
