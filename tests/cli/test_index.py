"""`index`: reports of every format come in once, corrections replace, mapped columns are used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders.tool import Tool

COUNTS = ("reports", "added", "replaced", "unchanged", "linked", "indexed")


def counts(tool: Tool, *arguments: str | Path, code: int = 0) -> dict[str, int]:
    found = tool.json("index", *arguments, code=code)
    return {name: found[name] for name in COUNTS if found[name]}


def test_importing_twice_doubles_nothing(tool: Tool, shared_reports: Path) -> None:
    assert counts(tool, shared_reports) == {"reports": 11, "added": 11, "indexed": 11}
    assert counts(tool, shared_reports) == {"reports": 11, "unchanged": 11, "indexed": 11}
    assert counts(tool) == {"indexed": 11}
    assert tool.rows("SELECT count(*) FROM report") == [11]


def test_a_corrected_report_replaces_the_old_one_under_its_id(tool: Tool, tmp_path: Path) -> None:
    report = tmp_path / "A1.txt"
    report.write_text("FINDINGS: Clear lungs.\n")
    (tmp_path / "A2.txt").write_text("FINDINGS: Normal heart.\n")
    counts(tool, tmp_path)
    (before,) = tool.rows("SELECT id FROM report WHERE accession = 'A1'")
    report.write_text("FINDINGS: Right pleural effusion.\n")
    assert counts(tool, tmp_path) == {"reports": 2, "replaced": 1, "unchanged": 1, "indexed": 2}
    assert tool.rows("SELECT id, findings FROM report WHERE accession = 'A1'") == [(before, "Right pleural effusion.")]
    (labels,) = tool.rows("SELECT labels FROM report WHERE accession = 'A1'")
    assert json.loads(labels)["pleural effusion"] == "positive"


def test_columns_of_another_name(tool: Tool, tmp_path: Path) -> None:
    table = tmp_path / "ris.csv"
    table.write_text("AuftragsNr,PatNr,Datum,Befund,Beurteilung\n4711,P1,2024-01-05,Clear lungs.,Normal.\n")
    mapping = [
        "accession=AuftragsNr",
        "patient_id=PatNr",
        "reported_at=Datum",
        "findings=Befund",
        "impression=Beurteilung",
    ]
    flags = [part for field in mapping for part in ("--column", field)]
    assert counts(tool, table, *flags)["added"] == 1
    (row,) = tool.rows("SELECT accession, mrn, date(reported_at), findings, impression FROM report")
    assert row == ("4711", "P1", "2024-01-05", "Clear lungs.", "Normal.")


def test_broken_reports_are_failures_until_they_are_mended(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "A1.txt").write_text("FINDINGS: Clear lungs.\n")
    empty, table = tmp_path / "A2.txt", tmp_path / "t.jsonl"
    empty.write_text("\n")
    table.write_text('{"accession": "B1", "findings": "Clear."}\n{broken\n')
    found = tool.json("index", tmp_path, code=3)
    assert found["failed"] == {"report.empty": 1, "report.malformed": 1} and found["added"] == 2
    told = tool.json("status")
    assert told["failures"] == {"report.empty": 1, "report.malformed": 1}
    assert told["unretrievable"] == found["unretrievable"] == {"report.undated": 2}
    assert tool("index", tmp_path) == 3  # they are broken still
    empty.write_text("FINDINGS: Normal heart.\n")
    table.write_text('{"accession": "B1", "findings": "Clear."}\n')
    assert tool("index", tmp_path) == 0
    assert tool.json("status")["failures"] == {}


def test_a_relative_path_is_the_same_path(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "A1.txt").write_text("FINDINGS: Clear lungs.\n")
    (tmp_path / "A2.txt").write_text("\n")
    monkeypatch.chdir(tmp_path)
    for path in (".", str(tmp_path)):
        assert tool("index", path) == 3
    assert tool.rows("SELECT path, attempts FROM failure") == [(str(tmp_path / "A2.txt"), 1)]


def test_a_report_is_linked_to_its_study_whichever_comes_first(
    tool: Tool, shared_export: Path, shared_reports: Path
) -> None:
    counts(tool, shared_reports)
    tool.json("generate", shared_export)
    linked = "SELECT report.accession, study.accession FROM report JOIN study ON study.id = study_id ORDER BY 1"
    assert tool.rows(linked) == [(name, name) for name in ("A101", "A102", "A201")]
    assert counts(tool, shared_reports)["linked"] == 3


def test_one_missing_path_imports_nothing(tool: Tool, shared_reports: Path) -> None:
    assert tool("index", shared_reports, "/nowhere/at/all") == 2
    assert tool.rows("SELECT count(*) FROM report") == [0]


def test_format_overrides_the_ending(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "A1.rep").write_text("FINDINGS: Clear lungs.\n")
    assert tool("index", tmp_path) != 0
    assert counts(tool, tmp_path, "--format", "text")["added"] == 1


GERMAN = "Herz normal groß. Kein Pneumothorax, kein Pleuraerguss rechts. Keine Infiltrate."


def test_an_archive_in_another_language_is_refused_before_it_is_indexed(tool: Tool, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"A{number}.txt").write_text(f"FINDINGS: {GERMAN} Verlauf {number}.\n", encoding="utf-8")
    (tmp_path / "B1.txt").write_text("FINDINGS: The lungs are clear, and the heart is small.\n")
    assert tool("index", tmp_path) == 78
    assert "3 of 4 reports" in tool.err and "--any-language" in tool.err and "index.language" in tool.err
    assert not list((tool.home / "index").glob("*/manifest.json"))
    found = tool.json("index", tmp_path, "--any-language")
    assert (found["indexed"], found["other_language"]) == (4, 3)


@pytest.mark.parametrize(
    ("findings", "impression"), [(GERMAN, "The lungs are clear, without an effusion."), ("", GERMAN)]
)
def test_a_report_is_judged_by_both_sections_and_its_words_are_no_labels(
    tool: Tool, tmp_path: Path, findings: str, impression: str
) -> None:
    (tmp_path / "A1.txt").write_text(f"FINDINGS: {findings}\n\nIMPRESSION: {impression}\n", encoding="utf-8")
    assert tool("index", tmp_path) == 78 and "1 of 1 reports" in tool.err
    assert tool.json("index", tmp_path, "--any-language")["other_language"] == 1
    assert [json.loads(labels) for labels in tool.rows("SELECT labels FROM report")] == [{}]


def test_a_few_reports_in_another_language_are_counted(tool: Tool, shared_reports: Path, tmp_path: Path) -> None:
    (tmp_path / "A9.txt").write_text(f"FINDINGS: {GERMAN}\n", encoding="utf-8")
    found = tool.json("index", shared_reports, tmp_path)
    assert (found["indexed"], found["other_language"]) == (12, 1)
