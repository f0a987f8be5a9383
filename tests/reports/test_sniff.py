"""Which reader takes a file, that nothing at all breaks the import, and real archives."""

import json
import tarfile
from pathlib import Path

import pytest
from builders.data import DATA, ROOT
from builders.dicom import BASIC_TEXT_SR, write_dataset_file, write_dicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports import readers
from cxrreport.reports.parsing import sniff
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.readers import openi

MSH = "MSH|^~\\&|RIS|HOSP|||20240506||ORU^R01|M1|P|2.5\r"


@pytest.mark.parametrize(
    ("content", "expected", "name"),
    [
        (MSH, "hl7", "0001"),
        ("\x0b" + MSH, "hl7", "0001"),
        ("2024-05-06 12:00|INFO\n<SB>\n" + MSH, "hl7", "0001"),
        ("FHS|^~\\&\r" + MSH, "hl7", "0001"),
        ("\ufeff" + MSH, "hl7", "0001"),
        (json.dumps({"resourceType": "Bundle"}), "fhir", "0001"),
        ('[{"resourceType": "DiagnosticReport"}]', "fhir", "0001"),
        ('{"accession": "1", "findings": "Clear."}', "table", "0001"),
        ('\ufeff"Accession";"Findings"\n', "table", "0001"),
        ("id\treport\n", "table", "0001"),
        ("<?xml?><eCitation>", "openi", "0001"),
        ("FINDINGS: Clear.", "text", "0001"),
        ("Licence, as follows: all rights", None, "0001"),
        ("a\x00b", None, "0001"),
        (
            "--part\r\nContent-Type: application/dicom\r\n\r\n\x00\x00\n\x0b\x00",
            None,
            "0001",
        ),  # no message, for all the \x0b
        ("number,other\n1,x\n", None, "0001"),
        # the ending is asked last
        ("The lungs are clear.", "text", "a.txt"),
        ("number,other\n1,x\n", "table", "a.csv"),
        (MSH, "hl7", "a.txt"),
        ("<eCitation>", "openi", "a.csv"),
        ("FINDINGS: Clear.".encode("utf-16"), "text", "0001"),
        ("number,body\n1,x\n", "table", "0001"),
    ],
)
def test_the_content_tells_the_reader(tmp_path, content, expected, name):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert sniff.format_of(path, {"findings": "Body"}) == expected


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


def test_preliminary_reports_are_asked_for(tmp_path):
    rows = "PID|1||P1\rOBR|1||A1||||||||||||||||||||||P\rOBX|1|TX|1||Clear.||||||P\r"
    (tmp_path / "a").write_text(MSH + rows, newline="")
    assert list(readers.read_path(tmp_path, {})) == [Skipped("report.preliminary")]
    (found,) = readers.read_path(tmp_path, {}, preliminary=True)
    assert found.status is ReportStatus.PRELIMINARY


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
def test_failures_quote_nothing(read, content):
    failures = [one for one in read(f"{SECRET}.txt", content) if isinstance(one, Failure)]
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
