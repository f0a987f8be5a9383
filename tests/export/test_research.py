"""The research form: what was judged, under pseudonyms, and nobody who can be told."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from builders.tool import VISITS, Tool
from builders.trust import judged

from cxrreport.export.pseudonym import OTHER, Pseudonyms
from cxrreport.export.research.columns import RESEARCH
from cxrreport.export.research.groups import FEW, SMALL, Groups, Traits
from cxrreport.export.study import view_study
from cxrreport.findings import FINDINGS
from cxrreport.settings import Settings

KEY = bytes(range(32))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The file of a key."""
    file = tmp_path / "research.key"
    file.write_bytes(KEY)
    file.chmod(0o600)
    return file


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, strict=True))


def test_a_row_a_finding_beside_what_was_signed_and_nobody_is_named(drafted: Tool, key: Path, tmp_path: Path) -> None:
    drafted.json("trust")
    out = tmp_path / "study.csv"
    counts = drafted.json("trust", "export", "--pseudonymise", key, "--out", out)
    rows, text = read(out), out.read_text()
    assert counts == {"drafts": 3, "rows": len(rows)} and list(rows[0]) == [column.name for column in RESEARCH]
    assert {row["finding"] for row in rows} >= set(FINDINGS[:-1]) and len({row["draft_id"] for row in rows}) == 3
    positive = [row for row in rows if row["finding"] == "pleural effusion" and row["signed"] == "positive"]
    assert len(positive) == 1 and {row["by_report"] for row in rows} == {"true"}
    for visit in VISITS:
        assert visit.accession not in text and visit.uid not in text and f",{visit.patient}," not in text
        assert datetime.strptime(visit.date, "%Y%m%d").date().isoformat() not in text
    assert {(row["sex"], row["age"], row["device"]) for row in rows} == {("", "", "")}  # three studies are too few


def test_the_cells_of_the_report_can_be_counted_from_it(drafted: Tool, key: Path, tmp_path: Path) -> None:
    drafted.json("trust")
    drafted.json("trust", "export", "--pseudonymise", key, "--out", tmp_path / "study.csv")
    (whole,) = drafted.json("trust", "report")["groups"]
    known = [row for row in read(tmp_path / "study.csv") if not row["name"] and row["signed"] != "uncertain"]
    for finding, cells in whole["findings"].items():
        rows = [
            (row["drafted"] == "positive", row["signed"] == "positive") for row in known if row["finding"] == finding
        ]
        of = {"both": (True, True), "drafted": (True, False), "signed": (False, True), "neither": (False, False)}
        assert {name: rows.count(pair) for name, pair in of.items()} == {name: cells[name] for name in of}, finding


def test_pseudonyms_and_days_are_those_of_other_exports(drafted: Tool, key: Path, tmp_path: Path) -> None:
    drafted.json("trust")
    drafted.json("trust", "export", "--pseudonymise", key, "--out", tmp_path / "study.csv")
    hidden = Pseudonyms(KEY).hide(view_study(Settings(home=drafted.home), "A102"))
    day = hidden.held.study.studied_at
    assert day is not None and hidden.draft is not None
    expected = (hidden.held.patient.mrn, str(hidden.held.study.study_id), str(hidden.draft.draft_id), f"{day:%Y-%m-%d}")
    rows = read(tmp_path / "study.csv")
    assert expected in {(row["patient"], row["study_id"], row["draft_id"], row["studied_on"]) for row in rows}


def test_parquet_holds_the_same(drafted: Tool, key: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    drafted.json("trust")
    for name in ("study.csv", "study.parquet"):
        drafted.json("trust", "export", "--pseudonymise", key, "--out", tmp_path / name, "--since", "2024-01-06")
    table = parquet.read_table(tmp_path / "study.parquet")
    rows = read(tmp_path / "study.csv")
    assert len({row["draft_id"] for row in rows}) == 2
    assert table.column("patient").to_pylist() == [row["patient"] for row in rows]
    scores = [float(row["raw_score"]) if row["raw_score"] else None for row in rows]
    assert table.column("raw_score").to_pylist() == scores


def test_it_is_refused_without_a_key_into_the_key_and_in_another_form(drafted: Tool, key: Path, tmp_path: Path) -> None:
    assert drafted("trust", "export", "--out", tmp_path / "a.csv") == 2 and "--pseudonymise" in drafted.err
    assert drafted.json("trust", "export", "--pseudonymise", key, "--out", key, code=2)["error"]["code"] == "export.key"
    refused = drafted.json("trust", "export", "--pseudonymise", key, "--out", tmp_path / "a.xlsx", code=2)
    assert refused["error"]["code"] == "export.place" and key.read_bytes() == KEY and not (tmp_path / "a.csv").exists()


def test_the_order_of_rows_tells_nothing_of_that_of_the_studies(drafted: Tool, key: Path, tmp_path: Path) -> None:
    drafted.json("trust")
    orders, studies = set(), drafted.rows("SELECT id FROM study")
    for number in range(4):
        key.write_bytes(bytes(range(number, number + 32)))
        drafted.json("trust", "export", "--pseudonymise", key, "--out", tmp_path / "study.csv")
        true = {str(Pseudonyms(key.read_bytes()).study(study)): study for study in studies}
        orders.add(tuple(dict.fromkeys(true[row["study_id"]] for row in read(tmp_path / "study.csv"))))
    assert len(orders) > 1 and all(len(one) == 3 for one in orders)


def test_days_that_are_exchanged_leave_the_file_as_it_was(drafted: Tool, key: Path, tmp_path: Path) -> None:
    (out := tmp_path / "study.csv").write_text("kept")
    days = ("--since", "2024-02-01", "--until", "2024-01-01")
    drafted.json("trust", "export", "--pseudonymise", key, "--out", out, *days, code=2)
    assert out.read_text() == "kept"


def many(first: int, count: int, **facts: Any) -> list[Any]:
    return [judged(patient_id=first + i, **facts) for i in range(count)]


def test_who_few_share_is_not_told() -> None:
    usual, old, rare = many(0, SMALL), many(100, FEW - 1, age_years=93.0), many(200, 2, device="RARE Y")
    groups = Groups([*usual, *old, *rare])
    assert groups.of(usual[0]) == Traits("F", "70 to 79", "pa", "ACME X")
    assert groups.of(old[0]) == Traits(view="pa") and groups.of(rare[0]) == Traits(view="pa")
    more = Groups([*usual, *many(100, FEW, age_years=93.0), *many(200, FEW, device="RARE Y")])
    assert more.of(old[0]).age == "90 and over" and more.of(rare[0]).device == OTHER
    assert Groups([*usual, *old, *old]).of(old[0]) == Traits(view="pa")  # patients count, not drafts
    assert groups.of(judged(patient_id=900, age_years=None)) == Traits(view="pa")
