"""`cxrreport calibrate` on the small archive, from end to end."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from builders.calibration import made_up_calibration
from builders.tool import Tool, build_weights

from cxrreport.datasets.archive import ArchiveReader
from cxrreport.findings import FINDINGS
from cxrreport.model.manifest import NETWORK
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive
from cxrreport.trust import archive
from cxrreport.trust.truth import read_scored


@pytest.fixture
def enough(drafted: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The drafted archive, of which three studies have a signed report; here that is enough."""
    monkeypatch.setattr(archive, "LEAST", 3)
    return drafted


def _report(folder: Path, accession: str, words: str) -> Path:
    (folder / f"{accession}.txt").write_text(f"FINDINGS: {words}\n\nIMPRESSION: {words}\n")
    return folder


def test_too_few_reports_are_refused_and_nothing_is_kept(drafted: Tool) -> None:
    assert drafted.json("calibrate", code=2)["error"]["code"] == "usage.few_studies"
    assert not (drafted.home / "calibration.json").exists()
    assert drafted.json("calibrate", "--undo", code=2)["error"]["code"] == "calibration.none"


def test_labels_of_reports_in_another_language_have_no_part(enough: Tool) -> None:
    """Not even where an older version has stored them."""
    with enough.connection() as connection:
        german = "Herz normal gross. Kein Pneumothorax, kein Pleuraerguss rechts."
        connection.exec_driver_sql(f"UPDATE report SET findings = '{german}' WHERE accession = 'A101'")  # noqa: S608
    assert enough.json("calibrate", code=2)["error"]["code"] == "usage.few_studies" and "there are 2" in enough.err


def test_the_next_drafts_are_made_with_the_fit_and_the_old_ones_stay(enough: Tool, shared_export: Path) -> None:
    raw = "SELECT raw_score FROM finding JOIN draft ON draft.id = draft_id WHERE status = 'preliminary' ORDER BY 1"
    before = enough.rows(raw)
    found = enough.json("calibrate")
    assert (found["studies"], found["before"]) == (3, None)
    assert enough.rows("SELECT DISTINCT calibration_sha256 FROM draft") == [None]
    assert enough.json("generate", shared_export)["drafted"] == 0  # a calibration makes no study due
    assert enough.json("generate", shared_export, "--redo", "weights", "--dry-run")["due"] == 8
    assert enough.json("generate", shared_export, "--redo", "weights")["drafted"] == 8
    current = "SELECT DISTINCT calibration_sha256 FROM draft WHERE status = 'preliminary'"
    assert enough.rows(current) == [found["sha256"]]
    assert enough.rows(raw) == pytest.approx(before)
    assert any(p != s for p, s in enough.rows("SELECT probability, raw_score FROM finding"))


def test_it_learns_what_trust_compares(enough: Tool, tmp_path: Path) -> None:
    """What a reader signed has a part where there is no report, and a state of which the report is uncertain has none."""
    uncertain = json.dumps(dict.fromkeys(FINDINGS, "blank") | {"edema": "uncertain"})
    with enough.connection() as connection:
        connection.exec_driver_sql("UPDATE report SET labels = ? WHERE accession = 'A101'", (uncertain,))
    text = tmp_path / "text"
    text.write_text("Large left pleural effusion.")
    enough.json("review", "A202", "--status", "edited", "--text", text)
    found = enough.json("calibrate")
    assert found["studies"] == 4 and enough.rows("SELECT count(*) FROM judgement") == [4]
    films = {f: groups["unknown"]["films"] + groups["pa"]["films"] for f, groups in found["findings"].items()}
    assert (films["edema"], films["lung opacity"], films["fracture"]) == (3, 3, 4)


def test_it_says_what_changes(enough: Tool) -> None:
    found = enough.json("calibrate")
    assert set(found["findings"]) == set(FINDINGS)
    mean = found["reliability"]["mean"]
    assert set(mean) == {"ece", "brier"} and all(0 <= mean["brier"][when] <= 1 for when in ("before", "after"))
    assert all(sum(states.values()) == 3 for states in found["states"]["after"].values())
    assert enough("calibrate") == 0 and "pleural effusion" in enough.out


def test_a_fit_is_taken_back_to_the_one_before_and_that_to_the_weights(enough: Tool, tmp_path: Path) -> None:
    first = enough.json("calibrate")
    enough.json("index", _report(tmp_path, "A202", "Large left pleural effusion."))
    second = enough.json("calibrate")
    assert (second["studies"], second["before"]) == (4, first["sha256"])
    assert enough.json("calibrate", "--undo")["sha256"] == first["sha256"]
    assert enough.json("calibrate", "--undo")["sha256"] is None
    enough.json("calibrate", "--undo", code=2)
    audited = enough.rows("SELECT action, detail FROM audit WHERE subject = 'calibration' ORDER BY id")
    assert [action for action, _ in audited] == ["calibrate", "calibrate", "calibrate.undo", "calibrate.undo"]
    assert json.loads(audited[1][1]) == {name: second[name] for name in ("studies", "before", "sha256")}


def test_a_fit_to_other_weights_is_not_taken_back(enough: Tool, shared_export: Path, tmp_path: Path) -> None:
    other = ("--weights", build_weights(tmp_path / "other", seed=8))
    enough.json("calibrate")
    enough.json("generate", shared_export, *other, "--redo", "weights", "--without-retrieval")
    second = enough.json("calibrate", *other)
    refused = enough.json("calibrate", "--undo", *other, code=2)["error"]
    assert refused["code"] == "calibration.network" and "other weights" in refused["message"]
    own = (enough.home / "calibration.json").read_bytes()
    assert hashlib.sha256(own).hexdigest() == second["sha256"]
    assert enough.rows("SELECT count(*) FROM audit WHERE action = 'calibrate.undo'") == [0]


def test_what_served_other_weights_is_neither_removed_nor_brought_back(tool: Tool, weights: Path) -> None:
    network = json.loads((weights / "manifest.json").read_text())["files"][NETWORK]
    own, before = tool.home / "calibration.json", tool.home / "calibration.before.json"
    for _ in range(2):
        archive._store(tool.home, made_up_calibration("2" * 64))
    assert tool.json("calibrate", "--undo", code=2)["error"]["code"] == "calibration.network" and own.exists()
    archive._store(tool.home, made_up_calibration(network))
    assert tool.json("calibrate", "--undo", code=2)["error"]["code"] == "calibration.network"
    own.unlink()  # as the message advises
    archive._store(tool.home, made_up_calibration(network))
    assert not before.exists()
    assert tool.json("calibrate", "--undo")["sha256"] is None and not own.exists()


def test_a_damaged_fit_is_taken_back(tool: Tool, weights: Path) -> None:
    (tool.home / "calibration.json").write_text("{")
    assert tool.json("calibrate", "--undo")["sha256"] is None and not (tool.home / "calibration.json").exists()


def test_a_calibration_of_another_network_is_left_out_and_a_damaged_one_refused(
    enough: Tool, shared_export: Path
) -> None:
    enough.json("calibrate")
    own = enough.home / "calibration.json"
    document = json.loads(own.read_text())
    own.write_text(json.dumps(document | {"network_sha256": "0" * 64}))
    enough.json("generate", shared_export, "--redo", "all")
    assert enough.rows("SELECT DISTINCT calibration_sha256 FROM draft") == [None]
    own.write_text("{")
    refused = enough.json("generate", shared_export, code=78)
    assert refused["error"]["code"] == "calibration.malformed"
    assert enough("doctor") == 78 and "MEND  calibration" in enough.out


@pytest.mark.parametrize("arguments", [("--undo", "--films", "nih", "x"), ("--films", "nih", "x")])
def test_options_that_do_not_go_together_are_refused(tool: Tool, arguments: tuple[str, ...]) -> None:
    assert tool("calibrate", *arguments) == 2


def test_what_training_holds_to_be_true_is_what_drafts_are_judged_by(enough: Tool) -> None:
    settings = Settings(home=enough.home, workers=0)
    enough.json("trust")
    with open_archive(settings, read_only=True) as engine:
        scored, _ = read_scored(engine, enough.rows("SELECT DISTINCT weights_sha256 FROM draft")[0])
    read = ArchiveReader(settings)
    samples = {
        s.patient: s for split in ("train", "val", "test") for s in read(split) if s.key in _judged_studies(enough)
    }
    assert len(samples) == 2 and scored.positive.any()
    for patient, sample in samples.items():
        rows = [i for i, name in enumerate(scored.patients) if name == patient]
        assert scored.positive[rows].tolist().count(sample.positive.tolist()) >= 1


def _judged_studies(tool: Tool) -> set[str]:
    return {str(key) for key in tool.rows("SELECT study_id FROM draft JOIN judgement ON draft.id = draft_id")}
