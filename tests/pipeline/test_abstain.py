"""A study that is abstained from: drafted, stored, in every list and every file, and told to nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.calibration import made_up_calibration
from builders.reference import strange
from builders.tool import Tool, copy_tree

from cxrreport.codes import Abstained, Flag
from cxrreport.drafting.text import final_text
from cxrreport.drafting.told import hear_of_priors
from cxrreport.model.calibration import CALIBRATION
from cxrreport.model.manifest import NETWORK, read_manifest
from cxrreport.model.weights import load_weights
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.heard import drafted_states
from cxrreport.trust import policy

SAID = f"Not drafted: {Abstained.UNUSUAL.sentence}."
FORMATS = ("jsonl", "hl7", "fhir", "sr", "html", "csv")


@pytest.fixture
def strangers(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights for which every film is unusual."""
    own = copy_tree(weights, tmp_path / "own")
    strange(own, load_weights(own).network.config.encoder_width)
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(own))
    return own


def test_an_unusual_study_is_stored_and_shown_and_exported_as_not_drafted(
    drafted: Tool, strangers: Path, tmp_path: Path
) -> None:
    shown = drafted.json("show", "A103")["draft"]
    assert drafted.json("generate", "--study", "A103", "--redo", "--without-retrieval")["drafted"] == 1
    stored = drafted.rows(
        "SELECT findings, distance > 1, abstained FROM draft WHERE status = 'preliminary' AND study_id = 3"
    )
    assert stored[0][0].startswith(shown["findings"][:10]) and stored[0][1:] == (1, "abstain.unusual")
    found = drafted.json("show", "A103", code=3)
    assert found["draft"]["findings"] == SAID and found["draft"]["finding_rows"] == [] and found["prior"] is not None
    assert found["draft"]["priority"] != "routine" and "decoding" in json.dumps(found["draft"]["provenance"])
    for form in FORMATS:
        place = tmp_path / form
        assert drafted("export", place, "--format", form, "--study", "A103") in (0, 3)
        written = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
        assert SAID.encode() in written, form
        assert stored[0][0].encode() not in written, form


def test_nothing_is_told_of_what_became_of_its_text(
    drafted: Tool, strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flagged(*arguments: Any) -> Any:
        return final_text(*arguments)[0], (Flag.DENIAL_REMOVED,)

    monkeypatch.setattr("cxrreport.drafting.compose.final_text", flagged)
    assert drafted.json("generate", "--study", "A103", "--redo", "--without-retrieval")["drafted"] == 1
    assert Flag.DENIAL_REMOVED not in drafted.json("show", "A103", code=3)["draft"]["flags"]
    assert drafted.rows("SELECT count(*) FROM draft WHERE abstained <> '' AND flags LIKE '%denial_removed%'") == [0]


@pytest.mark.parametrize("abstains", [False, True])
def test_later_drafts_of_a_batch_hear_what_they_would_hear_of_the_archive(
    drafted: Tool, shared_export: Path, abstains: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if abstains:
        request.getfixturevalue("strangers")
    told: dict[int, Any] = {}

    def listen(cases: Any, known: Any, heard: Any) -> None:
        hear_of_priors(cases, known, heard)
        told.update({case.prepared.due.pair.study.id: heard(case) for case in cases})

    drafted.json("trust", "gates", "--set", "edema", "state", "closed", "--reason", "x")
    drafted.json("trust", "gates", "--set", "fracture", "change", "closed", "--reason", "x")
    monkeypatch.setattr("cxrreport.drafting.compose.hear_of_priors", listen)
    assert drafted.json("generate", shared_export, "--redo", "--without-retrieval")["drafted"] > 2
    with open_archive(Settings(home=drafted.home), read_only=True) as engine, session(engine, read_only=True) as s:
        stored = drafted_states(s, told)
    assert told == {study: stored.get(study, {}) for study in told}
    assert all(abstains is not ("fracture" in states) and "edema" not in states for states in told.values())


def test_weights_that_can_tell_neither_distance_nor_doubt_draft_what_is_no_worse_than_others(drafted: Tool) -> None:
    assert drafted.rows("SELECT DISTINCT abstained FROM draft") == [""]
    assert drafted.rows("SELECT count(distance) FROM draft") == [0]


def test_weights_that_cannot_tell_a_distance_abstain_where_a_calibrated_table_is_in_doubt(
    drafted: Tool, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = Path(policy.__file__).with_name("trust.toml").read_text()
    (tmp_path / "own.toml").write_text(shipped.replace("doubt = ", "doubt = 0.0  # "))
    monkeypatch.setenv("CXRREPORT_TRUST", str(tmp_path / "own.toml"))
    network = read_manifest(weights)["files"][NETWORK]
    query = "SELECT abstained, count(distance) FROM draft WHERE status = 'preliminary' AND study_id = 3"
    for content, reason in ((None, ""), (made_up_calibration(network).content, "abstain.doubt")):
        if content:
            (drafted.home / CALIBRATION).write_bytes(content)
        assert drafted.json("generate", "--study", "A103", "--redo", "--without-retrieval")["drafted"] == 1
        assert drafted.rows(query) == [(reason, 0)]


def test_the_rule_of_a_site_holds(
    drafted: Tool, strangers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = Path(policy.__file__).with_name("trust.toml").read_text()
    (tmp_path / "own.toml").write_text(
        shipped.replace("distance = ", "distance = inf  # ").replace("doubt = ", "doubt = inf  # ")
    )
    monkeypatch.setenv("CXRREPORT_TRUST", str(tmp_path / "own.toml"))
    assert drafted.json("generate", "--study", "A103", "--redo", "--without-retrieval")["drafted"] == 1
    assert drafted.rows("SELECT abstained FROM draft WHERE status = 'preliminary' AND study_id = 3") == [""]
