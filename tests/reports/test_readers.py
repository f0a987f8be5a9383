import json
import os
from datetime import datetime

import pytest

from cxrreport.records import Failure, Report
from cxrreport.reports import readers
from cxrreport.reports.readers import table, text


def _write(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return path


def _only(rows):
    (row,) = rows
    return row


def test_text_file_is_named_by_accession_or_uid(tmp_path):
    by_accession = _only(text.read(_write(tmp_path / "A-17.txt", "FINDINGS: Clear.\nIMPRESSION: Normal.")))
    assert by_accession == Report("A-17.txt", "A-17", accession="A-17", findings="Clear.", impression="Normal.")
    by_uid = _only(text.read(_write(tmp_path / "1.2.840.1.txt", "Clear.")))
    assert (by_uid.study_uid, by_uid.accession) == ("1.2.840.1", "")
    assert _only(text.read(_write(tmp_path / "12.3.txt", "Clear."))).accession == "12.3"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DATE: 2021-03-04", datetime(2021, 3, 4)),
        ("Date: 20210304", datetime(2021, 3, 4)),
        ("DATE: 2021-03-04 10:11", datetime(2021, 3, 4, 10, 11)),
        ("DATE: 2021-02-31", None),
        ("DATE: yesterday", None),
        ("", None),
    ],
)
def test_text_date_line(tmp_path, line, expected):
    report = _only(text.read(_write(tmp_path / "a.txt", f"{line}\nFINDINGS: Clear.")))
    assert report.reported_at == expected and report.findings == "Clear."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings(tmp_path, encoding):
    path = _write(tmp_path / "a.txt", "FINDINGS: Épanchement à gauche.", encoding)
    assert _only(text.read(path)).findings == "Épanchement à gauche."


def test_text_failures_name_no_file(tmp_path):
    empty = _only(text.read(_write(tmp_path / "DOE.txt", " \n")))
    large = _only(text.read(_write(tmp_path / "ROE.txt", "x" * (text.MAX_BYTES + 1))))
    missing = _only(text.read(tmp_path / "POE.txt"))
    assert [f.code for f in (empty, large, missing)] == ["report.empty", "report.too_large", "report.unreadable"]
    assert not any(name in f.message for f in (empty, large, missing) for name in ("DOE", "ROE", "POE"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_of_any_delimiter(tmp_path, delimiter):
    rows = [["Accession", "FINDINGS", "date"], ["A1", '"Clear, ""quite""\nindeed; yes"', "20200102"]]
    path = _write(tmp_path / "r.csv", "\r\n".join(delimiter.join(row) for row in rows))
    report = _only(table.read(path, {}))
    assert report.findings == 'Clear, "quite"\nindeed; yes'
    assert (report.accession, report.external_id, report.reported_at) == ("A1", "A1", datetime(2020, 1, 2))


def test_columns_are_mapped(tmp_path):
    path = _write(tmp_path / "r.csv", "acc,mrn,body\nA1,P1,FINDINGS: Clear. IMPRESSION: Normal.\n")
    report = _only(table.read(path, {"accession": "acc", "patient_id": "mrn", "text": "body"}))
    assert (report.accession, report.patient_id, report.findings, report.impression) == (
        "A1",
        "P1",
        "Clear.",
        "Normal.",
    )


def test_rows_without_identity_are_known_by_id_or_by_text(tmp_path):
    path = _write(tmp_path / "r.csv", "id,report\n7,Clear.\n,Clear.\n,Clear.\n,Opacity.\n")
    first, second, third, fourth = table.read(path, {})
    assert first.external_id == "7"
    assert second.external_id == third.external_id != fourth.external_id
    assert len(second.external_id) == 16


def test_broken_csv_rows_do_not_stop_the_rest(tmp_path):
    huge = "x" * (table.MAX_FIELD + 10)
    path = _write(tmp_path / "r.csv", f"accession,findings\nA1,Clear.\nA2\nA3,{huge}\nA4,\nA5,Opacity.\n")
    rows = list(table.read(path, {}))
    reports = [row for row in rows if isinstance(row, Report)]
    failures = [row for row in rows if isinstance(row, Failure)]
    assert [report.accession for report in reports] == ["A1", "A5"]
    assert {failure.code for failure in failures} == {"report.malformed", "report.empty"}
    assert failures[0].message.startswith("Row 2 ")


def test_json_lines(tmp_path):
    lines = [{"accession": 17, "findings": "Clear.", "extra": [1]}, "[1]", "{broken", {"accession": "B", "text": None},
             {"study_uid": "1.2.3", "impression": "Normal."}]  # fmt: skip
    content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    rows = list(table.read(_write(tmp_path / "r.jsonl", content), {}))
    assert [getattr(row, "code", None) for row in rows] == [
        None,
        "report.malformed",
        "report.malformed",
        "report.empty",
        None,
    ]
    assert rows[0].accession == "17" and rows[4].study_uid == "1.2.3"


def test_deep_json_is_a_broken_row(tmp_path):
    deep = '{"a":' + "[" * 200_000
    row = _only(table.read(_write(tmp_path / "r.jsonl", deep), {}))
    assert row.code == "report.malformed"


def test_control_characters_leave_identifiers(tmp_path):
    row = _only(
        table.read(_write(tmp_path / "r.jsonl", json.dumps({"accession": "A\x00\x1b1", "findings": "Clear.\x00"})), {})
    )
    assert (row.accession, row.findings) == ("A1", "Clear.")


def test_folders_are_walked_in_order_without_links(tmp_path):
    _write(tmp_path / "b.txt", "Clear.")
    (tmp_path / "a").mkdir()
    _write(tmp_path / "a" / "z.csv", "accession,findings\nA1,Clear.\n")
    _write(tmp_path / "c.pdf", "%PDF")
    _write(tmp_path / ".DS_Store", "x")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "d.txt").symlink_to(tmp_path / "b.txt")
    os.mkfifo(tmp_path / "e.txt")
    rows = list(readers.read_path(tmp_path, {}))
    assert [getattr(row, "accession", None) or row.code for row in rows] == ["A1", "b", "report.not_report"]


def test_format_can_be_forced_and_is_checked(tmp_path):
    path = _write(tmp_path / "export.dat", "number;body\nA1;Clear.\n")
    assert _only(readers.read_path(path, {})).code == "report.unknown_format"
    assert _only(readers.read_path(path, {"accession": "number", "findings": "body"})).accession == "A1"
    path = _write(tmp_path / "export.dat", "accession,findings\nA1,Clear.\n")
    assert _only(readers.read_path(path, {})).accession == "A1"
    assert _only(readers.read_path(path, {}, "table")).accession == "A1"
    assert _only(readers.read_path(path, {}, "text")).accession == "export"
    with pytest.raises(ValueError, match="unknown report format"):
        list(readers.read_path(path, {}, "word"))


def test_missing_path_is_a_failure(tmp_path):
    assert _only(readers.read_path(tmp_path / "none", {})).code == "report.unreadable"
