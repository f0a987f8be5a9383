"""Plain text, tables and Open-i XML, folders of them, and what is true of every format."""

import inspect
import json
import os
import sys
from datetime import datetime

import pytest

from cxrreport.records import Failure, Report
from cxrreport.reports import readers
from cxrreport.reports.parsing import csv_rows
from cxrreport.reports.readers import fhir, openi, sr, text

XML = (
    '<?xml version="1.0"?><eCitation><uId id="CXR1"/><articleDate>2013-08-01</articleDate><Abstract>'
    '<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Cough</AbstractText>'
    '<AbstractText Label="FINDINGS">Clear &amp; <b>dry</b>.</AbstractText><AbstractText Label="IMPRESSION">Normal.'
    "</AbstractText></Abstract><MeSH><major>normal</major></MeSH></eCitation>"
)


def accessions_and_codes(found):
    return [one.accession if isinstance(one, Report) else one.code for one in found]


# -- text -------------------------------------------------------------------------------------------------------------


def test_text_file_is_named_by_accession_or_uid(only):
    by_accession = only("A-17.txt", "FINDINGS: Clear.\nIMPRESSION: Normal.")
    assert by_accession == Report("A-17.txt", "A-17", accession="A-17", findings="Clear.", impression="Normal.")
    why = only("A-18.txt", "HISTORY: Fever,\n cough.\nFINDINGS: Clear.")
    assert (why.indication, why.findings) == ("Fever, cough.", "Clear.")
    assert only("A-19.txt", "INDICATION: ___ year old man\nFINDINGS: Clear.").indication == ""
    by_uid = only("1.2.840.1.txt", "Clear.")
    assert (by_uid.study_uid, by_uid.accession) == ("1.2.840.1", "")
    assert only("12.3.txt", "Clear.").accession == "12.3"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("files/p10/p10000032/s50414267.txt", ("10000032", "50414267", "s50414267")),
        ("p11/p10000032/s50414267.txt", ("", "s50414267", "s50414267")),
        ("p10/p10000032/note.txt", ("", "note", "note")),
        ("p10000032/s50414267.txt", ("", "s50414267", "s50414267")),
    ],
)
def test_a_tree_of_patients_as_mimic_lays_it_out(only, place, expected):
    found = only(place, "       FINAL REPORT\n EXAMINATION: CHEST\n FINDINGS: Clear.\r\n IMPRESSION: Normal.\r\n")
    assert (found.patient_id, found.accession, found.external_id) == expected
    assert (found.findings, found.impression) == ("Clear.", "Normal.")


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
def test_text_date_line(only, line, expected):
    report = only("a.txt", f"{line}\nFINDINGS: Clear.")
    assert report.reported_at == expected and report.findings == "Clear."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize(("name", "start"), [("a.txt", "FINDINGS: "), ("a.csv", "accession,findings\nA1,")])
def test_encodings(only, name, start, encoding):
    assert only(name, f"{start}Épanchement “à gauche”.", encoding=encoding).findings == "Épanchement “à gauche”."


@pytest.mark.parametrize("name", ["A1.rtf", "A1.txt", "A1"])
def test_rtf_is_text(only, name):
    found = only(
        name,
        r"{\rtf1\ansi{\fonttbl\f0 Arial;}\f0 DATE: 20210304\par FINDINGS: \'c9panchement.\par IMPRESSION: Normal.}",
    )
    assert (found.accession, found.findings, found.impression) == ("A1", "Épanchement.", "Normal.")
    assert found.reported_at == datetime(2021, 3, 4)


# -- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_of_any_delimiter(only, delimiter):
    rows = [["Accession", "FINDINGS", "date"], ["A1", '"Clear, ""quite""\nindeed; yes"', "20200102"]]
    report = only("r.csv", "\r\n".join(delimiter.join(row) for row in rows))
    assert report.findings == 'Clear, "quite"\nindeed; yes'
    assert (report.accession, report.external_id, report.reported_at) == ("A1", "A1", datetime(2020, 1, 2))


def test_columns_are_mapped(only):
    columns = {"accession": "acc", "patient_id": "mrn", "text": "body"}
    found = only("r.csv", "acc,mrn,body\nA1,P1,FINDINGS: Clear. IMPRESSION: Normal.\n", columns=columns)
    assert found == Report("r.csv", "A1", "A1", patient_id="P1", findings="Clear.", impression="Normal.")


def test_rows_without_identity_are_known_by_id_or_by_text(read):
    first, second, third, fourth = read("r.csv", "id,report\n7,Clear.\n,Clear.\n,Clear.\n,Opacity.\n")
    assert first.external_id == "7"
    assert second.external_id == third.external_id != fourth.external_id
    assert len(second.external_id) == 16


def test_broken_rows_do_not_stop_the_rest(read):
    huge = "x" * (csv_rows.MAX_FIELD + 10)
    found = read("r.csv", f"accession,findings\nA1,Clear.\nA2\nA3,{huge}\nA4,\nA5,Opacity.\n")
    assert accessions_and_codes(found) == ["A1", "report.malformed", "report.malformed", "report.empty", "A5"]
    assert found[1].message.startswith("Row 2 ")
    lines = ['{"accession": 17, "findings": "Clear.", "extra": [1]}', "[1]", "{broken", '{"a":' + "[" * 200_000,
             json.dumps({"accession": "B", "text": None}),
             json.dumps({"accession": "C\x00\x1b1", "impression": "x\x00"})]  # fmt: skip
    found = read("r.jsonl", "\n".join(lines))
    assert accessions_and_codes(found) == ["17", *["report.malformed"] * 3, "report.empty", "C1"]
    assert found[5].impression == "x"


# -- Open-i -----------------------------------------------------------------------------------------------------------


def test_an_openi_file_has_neither_its_mesh_terms_nor_its_date_of_publication(only):
    assert only("1.xml", XML) == Report(
        "1.xml", "CXR1", findings="Clear & dry.", impression="Normal.", comparison="None.", indication="Cough"
    )


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><eCitation>&b;</eCitation>'


NESTED = 60_000


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (
            f"<eCitation>{'<AbstractText>x' * NESTED}{'</AbstractText>' * NESTED}</eCitation>".encode(),
            "report.malformed",
        ),
        (BOMB.encode(), "report.malformed"),
        (BOMB.encode("utf-16"), "report.malformed"),
        (b"<eCitation><uId", "report.malformed"),
        (b"<other/>", "report.unknown_format"),
        (b"<eCitation><uId id='1'/></eCitation>", "report.empty"),
    ],
)
def test_broken_xml(only, content, code):
    assert only("a.xml", content, "openi").code == code


# -- files and folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "reader"), [("text", text), ("openi", openi), ("sr", sr), ("fhir", fhir)])
def test_a_file_larger_than_any_report_is_a_failure(only, monkeypatch, form, reader):
    monkeypatch.setattr(reader, "MAX_BYTES", 99)
    assert only("a", b" " * 100, form).code == "report.too_large"


def test_folders_are_walked_in_order_without_links(tmp_path, read):
    read("a/z.csv", "accession,findings\nA1,Clear.\n")
    for name, content in (("b.txt", "Clear."), ("c.pdf", "%PDF"), (".DS_Store", "x")):
        read(name, content)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "d.txt").symlink_to(tmp_path / "b.txt")
    os.mkfifo(tmp_path / "e.txt")
    assert accessions_and_codes(readers.read_path(tmp_path, {})) == ["A1", "b", "report.not_report"]


def test_format_can_be_forced_and_is_checked(read, only):
    assert only("export.dat", "number;body\nA1;Clear.\n").code == "report.unknown_format"
    columns = {"accession": "number", "findings": "body"}
    assert only("export.dat", "number;body\nA1;Clear.\n", columns=columns).accession == "A1"
    content = "accession,findings\nA1,Clear.\n"
    assert [only("export.dat", content, form).accession for form in (None, "table", "text")] == ["A1", "A1", "export"]
    with pytest.raises(ValueError, match="unknown report format"):
        read("export.dat", content, "word")


def test_missing_path_is_a_failure(tmp_path):
    (found,) = readers.read_path(tmp_path / "none", {})
    assert isinstance(found, Failure) and found.code == "report.unreadable"


def test_folders_may_nest_deeper_than_calls(tmp_path):
    deep = tmp_path.joinpath(*"d" * 300)
    deep.mkdir(parents=True)
    (deep / "a.txt").write_text("Clear.")
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        assert accessions_and_codes(readers.read_path(tmp_path, {})) == ["a"]
    finally:
        sys.setrecursionlimit(usual)


def test_a_path_longer_than_paths_may_be_is_a_failure(tmp_path):
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(120):
        os.mkdir("d" * 40, dir_fd=at)
        above, at = at, os.open("d" * 40, os.O_RDONLY, dir_fd=at)
        os.close(above)
    os.close(at)
    (tmp_path / "e.txt").write_text("Clear.")
    assert accessions_and_codes(readers.read_path(tmp_path, {})) == ["report.unreadable", "e"]


def test_half_a_character_is_a_failure_and_the_rest_is_read(read):
    lines = [
        r'{"accession": "A1", "findings": "Clear \ud800 lungs."}',
        r'{"accession": "A2", "findings": "\ud83e\udec1"}',
    ]
    assert accessions_and_codes(read("r.jsonl", "\n".join(lines))) == ["report.malformed", "A2"]
    (found,) = read("r.json", r'{"resourceType": "DiagnosticReport", "conclusion": "x", "id": "\udc00"}')
    assert found.code == "report.malformed"


def test_a_name_that_is_no_text_is_a_failure(tmp_path):
    (tmp_path / os.fsdecode(b"M\xfcller.txt")).write_text("Clear.")
    (found,) = readers.read_path(tmp_path, {})
    assert found.code == "path.name" and found.path == str(tmp_path / "M\\xfcller.txt")


@pytest.mark.parametrize(
    "row",
    [
        "A1,,,Normal. ADDENDUM: A nodule.,\nA2,,,,x",
        "A1,FINDINGS: Clear. IMPRESSION: Normal. Addendum: A nodule.,,,\nA2,,,,x",
        "A1,,,Normal.,A nodule.\nA2,,,,x",
        'A1,,Addendum - A nodule.,,"Addendum: a nodule"\nA2,,,,x',
    ],
)
def test_addenda_of_a_table(read, row):
    whole, alone = read("r.csv", f"accession,text,findings,impression,addendum\n{row}\n")
    assert (whole.addendum.rstrip("."), alone.addendum) == ("A nodule", "x")
    assert "nodule" not in whole.findings + whole.impression


def test_an_addendum_of_plain_text(only):
    assert only("A1.txt", "ADDENDUM: A nodule.\n").addendum == "A nodule."
