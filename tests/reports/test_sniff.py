"""Which reader takes a file, Open-i XML, MIMIC-CXR's layout, and that nothing at all breaks the import."""

import json
import tarfile
from pathlib import Path

import pytest
from builders.data import DATA, ROOT
from builders.dicom import BASIC_TEXT_SR, write_dataset_file, write_dicom
from cxrreport.cli.index import index as command
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports import readers
from cxrreport.reports.parsing import sniff
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.readers import openi, text

MSH = "MSH|^~\\&|RIS|HOSP|||20240506||ORU^R01|M1|P|2.5\r"
XML = (
    '<?xml version="1.0"?><eCitation><uId id="CXR1"/><articleDate>2013-08-01</articleDate><Abstract>'
    '<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Cough</AbstractText>'
    '<AbstractText Label="FINDINGS">Clear &amp; <b>dry</b>.</AbstractText><AbstractText Label="IMPRESSION">Normal.'
    "</AbstractText></Abstract><MeSH><major>normal</major></MeSH></eCitation>"
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (MSH, "hl7"),
        ("\x0b" + MSH, "hl7"),
        ("2024-05-06 12:00|INFO\n<SB>\n" + MSH, "hl7"),
        ("FHS|^~\\&\r" + MSH, "hl7"),
        ("\ufeff" + MSH, "hl7"),
        (json.dumps({"resourceType": "Bundle"}), "fhir"),
        ('[{"resourceType": "DiagnosticReport"}]', "fhir"),
        ('{"accession": "1", "findings": "Clear."}', "table"),
        ('\ufeff"Accession";"Findings"\n', "table"),
        ("id\treport\n", "table"),
        (XML, "openi"),
        ("FINDINGS: Clear.", "text"),
        ("<html><body>x</body></html>", None),
        ("Licence, as follows: all rights", None),
        ("%PDF-1.7 FINDINGS: x", sniff.NO_REPORT),
        ("PK\x03\x04", sniff.NO_REPORT),
        ("a\x00b", None),
        ("", None),
        ("[1, 2]", None),
    ],
)
def test_the_content_tells_the_reader(tmp_path, content, expected):
    path = tmp_path / "0001"
    path.write_text(content, encoding="utf-8", newline="")
    assert sniff.format_of(path, {}) == expected


def test_the_ending_is_asked_last(tmp_path):
    for name, content, expected in [
        ("a.txt", "The lungs are clear.", "text"),
        ("b.md", "FINDINGS: Clear.", sniff.NO_REPORT),
        ("c.csv", "number,body\n1,x\n", "table"),
        ("d.txt", MSH, "hl7"),
        ("e.csv", XML, "openi"),
    ]:
        (tmp_path / name).write_text(content)
        assert sniff.format_of(tmp_path / name, {}) == expected
    (tmp_path / "f").write_text("number,body\n1,x\n")
    assert sniff.format_of(tmp_path / "f", {"findings": "Body"}) == "table"
    (tmp_path / "g").write_text("FINDINGS: Clear.", encoding="utf-16")
    assert sniff.format_of(tmp_path / "g", {}) == "text"


def test_dicom_is_told_with_and_without_a_preamble(tmp_path):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = BASIC_TEXT_SR, "1.2.3"
    path = write_dataset_file(tmp_path / "a.txt", dataset, "1.2.840.10008.1.2")
    assert sniff.format_of(path, {}) == "sr"
    data = path.read_bytes()
    path.write_bytes(data[data.index(b"\x08\x00\x16\x00") :])
    assert sniff.format_of(path, {}) == "sr"
    write_dicom(tmp_path / "image.dcm")
    assert list(readers.read_path(tmp_path / "image.dcm", {})) == [Skipped("report.not_sr")]


def test_the_command_line_knows_every_format():
    (option,) = (one for one in command.params if one.name == "form")
    assert tuple(option.type.choices) == readers.FORMATS


def test_preliminary_reports_are_asked_for(tmp_path):
    rows = "PID|1||P1\rOBR|1||A1||||||||||||||||||||||P\rOBX|1|TX|1||Clear.||||||P\r"
    (tmp_path / "a").write_text(MSH + rows, newline="")
    assert list(readers.read_path(tmp_path, {})) == [Skipped("report.preliminary")]
    (found,) = readers.read_path(tmp_path, {}, preliminary=True)
    assert found.status is ReportStatus.PRELIMINARY


# -- MIMIC-CXR's layout -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("files/p10/p10000032/s50414267.txt", ("10000032", "50414267", "s50414267")),
        ("p11/p10000032/s50414267.txt", ("", "s50414267", "s50414267")),
        ("p10/p10000032/note.txt", ("", "note", "note")),
        ("p10000032/s50414267.txt", ("", "s50414267", "s50414267")),
    ],
)
def test_a_tree_of_patients(tmp_path, place, expected):
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text("                 FINAL REPORT\n EXAMINATION: CHEST\n FINDINGS: Clear.\r\n IMPRESSION: Normal.\r\n")
    (found,) = text.read(path)
    assert (found.patient_id, found.accession, found.external_id) == expected
    assert (found.findings, found.impression) == ("Clear.", "Normal.")


# -- Open-i -----------------------------------------------------------------------------------------------------------


def test_an_openi_file(tmp_path):
    path = tmp_path / "1.xml"
    path.write_text(XML)
    (found,) = openi.read(path)
    assert found == Report(
        "1.xml", "CXR1", findings="Clear & dry.", impression="Normal.", comparison="None."
    )  # neither MeSH nor the date of publication


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><eCitation>&b;</eCitation>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BOMB.encode(), "report.malformed"),
        (BOMB.encode("utf-16"), "report.malformed"),
        (b"<eCitation><uId", "report.malformed"),
        (b"<other/>", "report.unknown_format"),
        (b"<eCitation><uId id='1'/></eCitation>", "report.empty"),
        (b"<eCitation>" + b" " * openi.MAX_BYTES, "report.too_large"),
    ],
)
def test_broken_xml(tmp_path, content, code):
    path = tmp_path / "DOE.xml"
    path.write_bytes(content)
    (found,) = openi.read(path)
    assert found.code == code and "DOE" not in found.message


# -- anything -----------------------------------------------------------------------------------------------------------

STARTS = st.sampled_from(
    [b"", MSH.encode(), b"<SB>", b"\x0b", b"<eCitation>", b'{"resourceType": "Bundle",', b'{"findings": ',
     b"accession,findings\n", b"FINDINGS: ", b"\xff\xfe", b"\xfe\xff", b"\x00" * 128 + b"DICM", b"\x08\x00\x16\x00UI"]
)  # fmt: skip


@given(STARTS, st.binary(max_size=120), st.sampled_from(readers.FORMATS), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_whatever_the_format(tmp_path_factory, start, rest, form, preliminary):
    path = tmp_path_factory.getbasetemp() / "JANE-DOE.txt"
    path.write_bytes(start + rest)
    for found in readers.read_path(path, {}, form, preliminary=preliminary):
        assert isinstance(found, (Report, Failure, Skipped))
        if isinstance(found, Failure):
            assert "DOE" not in found.message and found.path == str(path) and found.code.startswith("report.")


SECRET = "SCHMIDT"


@pytest.mark.parametrize(
    "content",
    [
        f"MSH|^~\\&|{SECRET}\rPID|1||{SECRET}\r",
        f"MSH|{SECRET}\rPID|{SECRET}\r",
        f"<SB>{SECRET}<EB>",
        f'{{"resourceType": "DiagnosticReport", "id": "{SECRET}"}}',
        f'{{"resourceType": {SECRET}',
        f"<eCitation><{SECRET}",
        f'accession,findings\n{SECRET}\n{SECRET},"',
        f'{{"findings": {SECRET}}}',
        f"%PDF {SECRET}",
    ],
)
def test_failures_quote_nothing(tmp_path, content):
    path = tmp_path / f"{SECRET}.txt"
    path.write_text(content, newline="")
    failures = [one for one in readers.read_path(path, {}) if isinstance(one, Failure)]
    assert failures and not any(SECRET in one.message for one in failures)


# -- real data, where it lies beside the repository -------------------------------------------------------------------


def _shared(name):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here")
    return DATA / name


def test_real_hl7_logs():
    found = list(readers.read_path(_shared("hl7/staging_test_data"), {}, preliminary=True))
    reports = [one for one in found if isinstance(one, Report)]
    assert len(found) == 602 and len(reports) >= 70
    assert [one.code for one in found if isinstance(one, Failure)] == ["report.malformed"]
    assert all(one.accession and one.patient_id and one.reported_at for one in reports)
    assert sum(bool(one.study_uid) for one in reports) > 40
    words = " ".join(one.findings + one.impression for one in reports).lower()
    assert "signed by" not in words and "dictated by" not in words and "<r>" not in words
    signed = [one for one in readers.read_path(_shared("hl7/staging_test_data"), {}) if isinstance(one, Report)]
    assert {one.status for one in signed} == {ReportStatus.FINAL}


def test_real_structured_reports():
    found = {one.name: list(readers.read_path(one, {}, preliminary=True)) for one in _shared("dicom-sr").iterdir()}
    kinds = {name: type(results[0]) for name, results in found.items()}
    assert kinds["reportsi.dcm"] is kinds["test-SR.dcm"] is Report
    assert Failure not in kinds.values()
    assert found["test-SR.dcm"][0].findings.startswith("A mass of\nDiameter 3 cm.\nwas detected.")


def test_real_openi_reports():
    archive = next(ROOT.glob(".venv/lib/python*/site-packages/torchxrayvision/data/NLMCXR_reports.tgz"), None)
    if archive is None:
        pytest.skip("the Open-i reports are not here")
    with tarfile.open(archive) as tar:
        found = [openi.parse(tar.extractfile(one).read(), Path(one.name)) for one in tar if one.name.endswith(".xml")]
    reports = [one for one in found if isinstance(one, Report)]
    assert len(found) == 3955 and len(reports) >= 3900
    assert len({one.external_id for one in reports}) == len(reports)
    assert {one.code for one in found if isinstance(one, Failure)} <= {"report.empty"}
