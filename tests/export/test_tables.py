"""Tables of drafts: what stands in them comes back through another reader, typed, whole, and harmless for a spreadsheet."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from builders.tool import VISITS, Tool
from builders.views import DRAFT, PATIENT, PRIOR, STUDY, TEXT, study_view
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cxrreport import DISCLAIMER
from cxrreport.export.folder import Folder
from cxrreport.export.formats import open_writer
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.export.tables.columns import FINDING_ROW, PARTS, VERSION
from cxrreport.export.tables.columns import STUDY as STUDY_COLUMNS
from cxrreport.export.tables.comma_separated import guarded
from cxrreport.export.tables.json_lines import document, schema

FORMATS = ("jsonl", "csv", "parquet")
VIEW = study_view(draft={"created_at": datetime(2024, 3, 6, 1, 2, 3, tzinfo=UTC)})
ALONE = replace(
    study_view(draft={"created_at": datetime(2024, 3, 6, tzinfo=UTC), "prior_reason": "prior.none"}, prior=None)
)


def write(place: Path, *views: StudyView, formats: tuple[str, ...] = FORMATS) -> Path:
    with Folder(place) as folder:
        for name in formats:
            with open_writer(name, folder) as writer:
                for view in views:
                    writer.add(Subject(view, 10**6))
    return place


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_a_document_tells_the_study_and_all_its_parts(tmp_path: Path) -> None:
    (line,) = (write(tmp_path / "out", VIEW) / "studies.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told["disclaimer"] == DISCLAIMER and told["status"] == "preliminary" and told["schema_version"] == VERSION
    assert (told["accession"], told["patient_number"], told["prior_uid"]) == (STUDY.accession, PATIENT.mrn, PRIOR.uid)
    assert told["studied_at"] == "2024-03-05T10:15:00" and told["drafted_at"] == "2024-03-06T01:02:03+00:00"
    first = told["findings"][0]
    assert {first["tier"], told["findings"][-1]["tier"]} == {"critical", "routine"}, "what cannot wait comes first"
    effusion = next(row for row in told["findings"] if row["finding"] == "pleural effusion")
    assert (effusion["state"], effusion["probability"], effusion["change"]) == ("positive", 0.91, "new")
    assert [told["findings_text"][span["start"] : span["end"]] for span in told["spans"]] == [TEXT[:38], TEXT[39:]]
    assert [sentence["kind"] for sentence in told["sentences"]][:2] == ["added", "added"]
    assert [(box["x"], box["finding"]) for box in told["regions"]] == [(10, "pleural effusion"), (40, "cardiomegaly")]
    assert [reference["accession"] for reference in told["references"]] == ["B1", "B2", "B3"]


def fits(value: Any, told: dict[str, Any]) -> bool:
    """The value is what this part of a JSON Schema (type, enum, properties, required, items) says."""
    kinds = [told["type"]] if isinstance(told["type"], str) else told["type"]
    known = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
    if value is None or "enum" in told:
        return "null" in kinds if value is None else value in told["enum"]
    if not any(isinstance(value, known[kind]) for kind in kinds if kind != "null"):
        return False
    if isinstance(value, list):
        return all(fits(one, told["items"]) for one in value)
    if isinstance(value, dict):
        properties = told["properties"]
        return set(value) == set(told["required"]) and all(fits(one, properties[name]) for name, one in value.items())
    return isinstance(value, bool) == (kinds[0] == "boolean")


@pytest.mark.parametrize("view", [VIEW, ALONE], ids=["with a prior", "without a prior"])
def test_a_document_fits_the_schema_that_lies_beside_it(view: StudyView, tmp_path: Path) -> None:
    place = write(tmp_path / "out", view, formats=("jsonl",))
    told = json.loads((place / "studies.schema.json").read_text())
    assert told == schema()
    assert fits(json.loads((place / "studies.jsonl").read_text()), told)
    assert not fits({**json.loads((place / "studies.jsonl").read_text()), "status": "final"}, told)


def test_all_tables_hold_the_same(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    place = write(tmp_path / "out", VIEW, ALONE)
    documents = [json.loads(line) for line in (place / "studies.jsonl").read_text().splitlines()]
    studies, typed = read_csv(place / "studies.csv"), parquet.read_table(place / "studies.parquet").to_pylist()
    assert [row["flags"].split() for row in studies] == [row["flags"] for row in typed]
    assert [row["flags"] for row in typed] == [told["flags"] for told in documents]
    names = [column.name for column in STUDY_COLUMNS]
    assert all(list(row) == names for row in [*studies, *typed]) and set(names) <= set(documents[0])
    for written, row, told in zip(studies, typed, documents, strict=True):
        assert {name: cell(row[name]) for name in names if name != "flags"} == {
            name: written[name] for name in names if name != "flags"
        }
        assert {name: cell(told[name]) for name in names if name != "flags"} == {
            name: written[name] for name in names if name != "flags"
        }
    findings, typed_findings = (
        read_csv(place / "findings.csv"),
        parquet.read_table(place / "findings.parquet").to_pylist(),
    )
    assert len(findings) == len(typed_findings) == sum(len(told["findings"]) for told in documents)
    assert [{name: cell(value) for name, value in row.items()} for row in typed_findings] == findings
    assert {row["disclaimer"] for row in findings} == {DISCLAIMER}


def cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def test_parquet_has_types_and_says_what_its_columns_mean(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    found = parquet.read_schema(write(tmp_path / "out", VIEW, formats=("parquet",)) / "studies.parquet")
    types = {field.name: field.type for field in found}
    assert types["studied_at"] == pa.timestamp("us") and types["drafted_at"] == pa.timestamp("us", "UTC")
    assert types["birth_date"] == pa.date32() and types["flags"] == pa.list_(pa.string())
    assert types["draft_id"] == pa.int64() and types["time_known"] == pa.bool_()
    assert found.field("confidence").nullable and not found.field("study_uid").nullable
    assert found.metadata[b"disclaimer"].decode() == DISCLAIMER
    meanings = {column.name: column.meaning for column in STUDY_COLUMNS}
    assert {field.name: field.metadata[b"description"].decode() for field in found} == meanings


def test_groups_of_rows_are_written_as_they_are_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("cxrreport.export.tables.parquet._STUDIES", 2)
    place = write(tmp_path / "out", *[VIEW] * 5, formats=("parquet",))
    for name, rows in (("studies", 1), ("findings", len(VIEW.findings))):
        told = parquet.ParquetFile(place / f"{name}.parquet").metadata
        assert [told.row_group(i).num_rows for i in range(told.num_row_groups)] == [2 * rows, 2 * rows, rows]


def test_without_pyarrow_the_mend_is_told(tmp_path: Path, drafted: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "cxrreport.export.tables.parquet", raising=False)
    assert drafted("export", "--format", "parquet", tmp_path / "out") == 78
    assert "cxrreport[tables]" in drafted.err and list((tmp_path / "out").glob("*.parquet*")) == []


def test_an_export_without_a_draft_has_heads_and_no_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    place = write(tmp_path / "out")
    assert (place / "studies.jsonl").read_text() == "" and read_csv(place / "findings.csv") == []
    assert (place / "findings.csv").read_text().strip() == ",".join(column.name for column in FINDING_ROW)
    assert parquet.read_table(place / "studies.parquet").num_rows == 0


def test_tables_are_the_same_at_every_export_and_hold_every_draft(drafted: Tool, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    wanted = [argument for name in FORMATS for argument in ("--format", name)]
    found = [drafted.json("export", *wanted, tmp_path / name) for name in ("one", "two")]
    assert found[0] == found[1] and found[0]["drafts"] == len(VISITS) == drafted.json("drafts")["total"]
    names = sorted(path.name for path in (tmp_path / "one").iterdir() if not path.name.startswith("."))
    assert len(names) == 6 and all(
        (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names
    )
    assert len(read_csv(tmp_path / "one" / "studies.csv")) == len(VISITS)


def test_an_error_leaves_the_tables_of_before(tmp_path: Path) -> None:
    place = write(tmp_path / "out", VIEW)
    before = {path.name: path.read_bytes() for path in place.glob("[sf]*.*")}
    for name in FORMATS:
        with Folder(place) as folder, suppress(KeyError), open_writer(name, folder) as writer:
            writer.add(Subject(ALONE, 10**6))
            raise KeyError
    assert {path.name: path.read_bytes() for path in place.glob("[sf]*.*")} == before


HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(HOSTILE)
@example("=1+1")
@example("''@SUM(A1)")
@example("\tx")
@example("＝x")
def test_no_cell_is_a_formula_and_the_text_comes_back(text: str) -> None:
    written = guarded(text)
    assert not written.startswith(tuple("=+-@\t\r\n＝＋－＠"))
    added = written.startswith("'") and written.lstrip("'").startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert (written[1:] if added else written) == text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HOSTILE, accession=HOSTILE)
@example(text='=HYPERLINK("http://x")\r\n"quoted",\x00', accession="-2+3\u2028")
def test_any_text_comes_back_through_every_table(
    text: str, accession: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    draft = {"findings": text, "spans": (), "created_at": DRAFT.created_at.replace(tzinfo=UTC)}
    view = replace(study_view(draft=draft, study=replace(STUDY, accession=accession)), sentences=())
    place = write(tmp_path_factory.mktemp("hostile") / "out", view)
    (row,) = read_csv(place / "studies.csv")
    assert (row["findings_text"], row["accession"]) == (guarded(text), guarded(accession))
    (typed,) = parquet.read_table(place / "studies.parquet").to_pylist()
    told = json.loads((place / "studies.jsonl").read_text())
    assert (
        typed["findings_text"] == told["findings_text"] == text and typed["accession"] == told["accession"] == accession
    )


def test_every_part_is_in_the_document() -> None:
    told = document(VIEW)
    assert all({column.name for column in columns} == set(told[name][0]) for name, columns in PARTS.items())
