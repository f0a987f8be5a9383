"""What makes a study due again, what does not, and which studies a run looks at."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.tool import Tool, Visit, build_weights, write_visit

from cxrreport.errors import CxrReportError, StorageError, WeightsError

PLAIN = "--without-retrieval"


@pytest.fixture
def other_weights(tmp_path: Path) -> str:
    """Other random weights."""
    return str(build_weights(tmp_path / "other", seed=8))


def statuses(tool: Tool, accession: str) -> list[str]:
    return tool.rows(
        "SELECT status FROM draft JOIN study ON study.id = study_id WHERE accession = :accession ORDER BY draft.id",
        accession=accession,
    )


def test_new_weights_make_nothing_due_unless_asked(tool: Tool, shared_export: Path, other_weights: str) -> None:
    tool.json("generate", shared_export, PLAIN)
    assert tool.json("generate", shared_export, PLAIN, "--weights", other_weights)["drafted"] == 0
    assert tool.json("generate", shared_export, PLAIN, "--weights", other_weights, "--redo", "index")["drafted"] == 0
    assert tool.json("generate", shared_export, PLAIN, "--weights", other_weights, "--redo", "weights")["drafted"] == 8
    assert statuses(tool, "A101") == ["superseded", "preliminary"]
    assert tool.json("generate", shared_export, PLAIN, "--weights", other_weights, "--redo", "weights")["drafted"] == 0
    assert tool.rows("SELECT count(DISTINCT weights_sha256) FROM draft") == [2]


def test_a_new_index_makes_nothing_due_unless_asked(drafted: Tool, shared_export: Path) -> None:
    drafted.json("index")
    redone = [drafted.json("generate", shared_export, *flags)["drafted"] for flags in ([], ["--redo", "weights"])]
    assert redone == [0, 0] and drafted.json("generate", shared_export, "--redo", "index")["drafted"] == 8
    assert statuses(drafted, "A101") == ["superseded", "preliminary"]


def test_redo_all_writes_the_same_drafts_once(drafted: Tool, shared_export: Path) -> None:
    texts = drafted.texts()
    assert drafted.json("generate", shared_export, "--redo", "all")["drafted"] == 8
    assert statuses(drafted, "A101") == ["preliminary"] and drafted.texts() == texts


def test_without_retrieval_is_recorded(tool: Tool, shared_export: Path, shared_reports: Path) -> None:
    tool.json("index", shared_reports)
    tool.json("generate", shared_export, PLAIN)
    assert tool.rows("SELECT DISTINCT index_version FROM draft") == [""]
    assert tool.rows("SELECT count(*) FROM reference") == [0]


def test_a_late_image_makes_the_study_due_and_supersedes(drafted: Tool, tmp_path: Path) -> None:
    frontal, _ = write_visit(tmp_path, Visit("A102", "P1", "20240305", lateral=True))
    frontal.unlink()
    # A103 is due as well: the image is one of its prior
    assert drafted.json("generate", tmp_path)["drafted"] == 2
    assert statuses(drafted, "A102") == ["superseded", "preliminary"] == statuses(drafted, "A103")
    assert statuses(drafted, "A101") == ["preliminary"]


def test_a_prior_that_arrives_later_makes_the_study_due(drafted: Tool, tmp_path: Path) -> None:
    write_visit(tmp_path, Visit("A300", "P3", "20230101"))
    found = drafted.json("generate", tmp_path)
    assert (found["drafted"], found["paired"]) == (2, 1)
    assert statuses(drafted, "A301") == ["superseded", "preliminary"]
    reasons = (
        "SELECT prior_reason FROM draft JOIN study ON study.id = study_id WHERE accession = 'A301' ORDER BY draft.id"
    )
    assert drafted.rows(reasons) == ["prior.none", ""]


@pytest.mark.parametrize("status", ["reviewed", "rejected"])
def test_what_a_radiologist_has_judged_is_never_touched(
    drafted: Tool, shared_export: Path, tmp_path: Path, status: str
) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql(
            f"UPDATE draft SET status = '{status}', findings = 'Edited by hand.'"  # noqa: S608
            " WHERE study_id = (SELECT id FROM study WHERE accession = 'A301')"
        )
    judged = f"SELECT * FROM draft WHERE status = '{status}'"  # noqa: S608
    before = drafted.rows(judged)
    assert drafted.json("generate", shared_export, "--redo", "all")["drafted"] == 7
    write_visit(tmp_path, Visit("A300", "P3", "20230101"))
    assert drafted.json("generate", tmp_path)["drafted"] == 2
    assert drafted.rows(judged) == before and len(before) == 1
    assert statuses(drafted, "A301") == [status, "preliminary"]


def test_limit_goes_on_where_the_last_run_stopped(tool: Tool, shared_export: Path) -> None:
    nights = [tool.json("generate", shared_export, PLAIN, "--limit", "3") for _ in range(4)]
    assert [(n["due"], n["drafted"], n["left"]) for n in nights] == [(8, 3, 5), (5, 3, 2), (2, 2, 0), (0, 0, 0)]
    assert {night["studies"] for night in nights} == {8}


def test_a_quarantined_study_takes_no_place_of_the_limit(tool: Tool, shared_export: Path) -> None:
    tool.json("generate", shared_export, PLAIN, "--dry-run")
    with tool.connection() as connection:
        connection.exec_driver_sql(
            "INSERT INTO attempt (run_id, study_id, count) SELECT 1, id, 3 FROM study WHERE accession = 'A101'"
        )
    found = tool.json("generate", shared_export, PLAIN, "--limit", "1")
    assert found["drafted"] == 1 and found["skipped"] == {"study.quarantined": 1}
    again = tool.json("generate", shared_export, PLAIN, "--redo", "all")
    assert again["drafted"] == 8 and tool.rows("SELECT count(*) FROM attempt") == [0]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--since", "2024-04-01"], ["A103", "A401", "A402"]),
        (["--until", "20240201"], ["A101", "A201"]),
        (["--since", "2024-02-01", "--until", "2024-02-20"], ["A201", "A202"]),
        (["--patient", "P2"], ["A201", "A202"]),
        (["--patient", "P2", "--since", "2024-02-02"], ["A202"]),
        (["--since", "2024-06-01"], ["A103"]),
    ],
)
def test_selection(tool: Tool, shared_export: Path, flags: list[str], expected: list[str]) -> None:
    found = tool.json("generate", shared_export, PLAIN, *flags)
    assert list(tool.drafts()) == expected and found["drafted"] == len(expected) == found["studies"]
    assert found["paired"] == len(
        {"A102", "A103", "A202"} & set(expected)
    )  # their priors may lie outside the selection


def test_dry_run_counts_what_is_due_and_drafts_nothing(tool: Tool, shared_export: Path) -> None:
    found = tool.json("generate", shared_export, "--dry-run")
    assert (found["files"], found["images"], found["studies"], found["drafted"]) == (11, 11, 8, 0)
    assert (found["due"], found["paired"], found["unknown_view"]) == (7, 3, 1)
    assert tool.rows("SELECT count(*) FROM draft") == [0]
    limited = tool.json("generate", shared_export, "--dry-run", "--limit", "2", "--since", "2024-02-01")
    beyond = tool.json("generate", shared_export, "--dry-run", "--since", "2024-02-01")["due"] - 2
    assert limited["due"] - limited["left"] == 2 and limited["left"] == beyond > 0 and found["left"] == 0
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 8
    assert tool.json("generate", shared_export, "--dry-run")["due"] == 0


def test_dry_run_with_redo_compares_weights_and_index(drafted: Tool, shared_export: Path, other_weights: str) -> None:
    def due(*flags: str) -> int:
        return int(drafted.json("generate", shared_export, "--dry-run", *flags)["due"])

    assert [due("--redo", kind) for kind in ("weights", "index", "all")] == [0, 0, 8]
    assert due("--redo", "weights", "--weights", other_weights) == 8
    assert due("--redo", "index", PLAIN) == 8


def test_dry_run_imports_no_torch(tool: Tool, shared_export: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from cxrreport.cli.main import call;"
        f"code = call(['--home', {str(tool.home)!r}, 'generate', {str(shared_export)!r}, '--dry-run', '--json']);"
        "sys.exit(code or 100 * bool({'torch', 'transformers', 'faiss'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("step", "error", "code"),
    [
        ("cxrreport.store.drafts.save_drafts", StorageError("The disk of the database is full."), 74),
        ("cxrreport.pipeline.drafting.prepare", WeightsError("The weights are damaged.", "weights.sha256"), 78),
        ("cxrreport.pipeline.drafting.prepare", CxrReportError("A defect of cxrreport."), 70),
    ],
)
def test_what_is_no_study_s_fault_counts_for_no_quarantine(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: CxrReportError, code: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as night:
        night.setattr(step, fail)
        for _ in range(4):
            assert tool("generate", shared_export, PLAIN) == code
            assert tool.json("runs")[0]["counts"]["left"] == 8
            assert tool.rows("SELECT count(*) FROM attempt") == [0]
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 8
