"""`failures`, `release` and `generate --study`: what failed, and another try for one study."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders.tool import Tool, Visit, write_visit

from cxrreport.files import printable

PLAIN = "--without-retrieval"


@pytest.fixture
def failed(tool: Tool, tmp_path: Path) -> Tool:
    """An archive with a cut header, and a study whose film is cut and quarantined."""
    export = tmp_path / "export\x1b[31m\nü"
    (first,), (second,) = (write_visit(export, Visit(name, name, "20240301")) for name in ("A1", "A2"))
    first.write_bytes(first.read_bytes()[:450])
    second.write_bytes(second.read_bytes()[:30000])
    tool("generate", export, PLAIN)
    with tool.connection() as connection:  # as after three nights
        connection.exec_driver_sql("UPDATE attempt SET count = 3")
        connection.exec_driver_sql("UPDATE failure SET attempts = 3, quarantined = true WHERE path IS NULL")
    return tool


def test_failures_name_file_or_study_and_the_reason(failed: Tool, tmp_path: Path) -> None:
    found = failed.json("failures")
    study, file = found["failures"]
    assert found["total"] == 2 and (study["accession"], study["attempts"], study["quarantined"]) == ("A2", 3, True)
    assert (study["code"], file["code"]) == ("pixels.truncated", "header.incomplete")
    assert file["path"].startswith(str(tmp_path)) and file["path"].endswith("A1_PA.dcm") and file["run"] == 1
    assert failed("failures") == 0 and "Export the file again from the PACS" in failed.out
    assert printable(file["path"]) in failed.out  # whole, where it is no terminal
    assert "\x1b" not in failed.out and r"export\x1b[31m\nü" in failed.out


def test_failures_of_a_code_or_a_family_the_newest_first(failed: Tool) -> None:
    assert [one["code"] for one in failed.json("failures", "--code", "pixels")["failures"]] == ["pixels.truncated"]
    assert failed.json("failures", "--code", "pixels.trunc") == {"failures": [], "total": 0}
    assert failed("failures", "--code", "pixels.trunc") == 0 and failed.out == "Nothing has failed with this code.\n"
    found = failed.json("failures", "--limit", "1")
    assert [one["accession"] for one in found["failures"]] == ["A2"] and found["total"] == 2


def test_a_released_study_is_tried_again(failed: Tool, tmp_path: Path) -> None:
    (export,) = tmp_path.iterdir()
    assert failed.json("generate", export, PLAIN)["skipped"]["study.quarantined"] == 1
    assert failed("release", "A2") == 0 and "out of quarantine" in failed.out
    assert failed.json("generate", export, PLAIN, code=3)["failed"] == {"pixels.truncated": 1}
    assert failed("release", "A2") == 0 and "was not in quarantine" in failed.out
    assert failed("release", "A99") == 2 and "study.unknown" in failed.err
    assert failed.rows("SELECT subject FROM audit WHERE action = 'release'") == ["study 1", "study 1"]


def test_one_study_is_drafted_again_without_the_export(drafted: Tool) -> None:
    found = drafted.json("--log-format", "json", "--log-level", "info", "generate", "--study", "A102", "--redo")
    told = [json.loads(line) for line in drafted.err.splitlines()[1:]]
    drafting = next(one for one in told if one.get("stage") == "draft")
    assert (drafting["done"], drafting["total"], drafting["left_s"]) == (1, 1, 0)
    assert (found["files"], found["studies"], found["drafted"]) == (0, 1, 1)
    assert drafted.json("generate", "--study", "A102")["drafted"] == 0
    assert drafted.drafts()["A102"] == 1


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--study", "A999"], "study.unknown"),
        (["--patient", "P999"], "patient.unknown"),
        (["--since", "2024-02-01", "--until", "2024-01-01"], "usage"),
        (["--dry-run", "--study", "A999"], "study.unknown"),
    ],
)
def test_a_selection_of_nothing_is_refused(drafted: Tool, shared_export: Path, flags: list[str], code: str) -> None:
    assert drafted("generate", shared_export, *flags) == 2 and f"[{code}]" in drafted.err


def test_a_run_names_an_export_or_a_study(drafted: Tool) -> None:
    assert drafted("generate") == 2 and "--study" in drafted.err
    assert drafted("generate", "/nowhere/at\nall") == 2 and r"no /nowhere/at\nall" in drafted.err
