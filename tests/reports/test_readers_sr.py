"""DICOM structured reports: the walk, identity, status, and data sets nobody should have written."""

import tracemalloc
from datetime import datetime

import pytest
from builders.dicom import DEFLATED, IMPLICIT, write_dataset_file, write_deflated
from builders.pdf import pdf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.readers import sr

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
P, F, C = ReportStatus.PRELIMINARY, ReportStatus.FINAL, ReportStatus.CORRECTED


def code(value, scheme="DCM", meaning="x"):
    found = Dataset()
    found.CodeValue, found.CodingSchemeDesignator, found.CodeMeaning = value, scheme, meaning
    return found


def item(kind, name=None, relationship="CONTAINS", children=(), **values):
    found = Dataset()
    found.ValueType, found.RelationshipType = kind, relationship
    if name:
        found.ConceptNameCodeSequence = [name]
    for keyword, value in values.items():
        setattr(found, keyword, value)
    if children:
        found.ContentSequence = list(children)
    return found


def section(value, *children, meaning="x", scheme="DCM"):
    return item("CONTAINER", code(value, scheme, meaning), children=children, ContinuityOfContent="SEPARATE")


def text(words, value="121071", **more):
    return item("TEXT", code(value), TextValue=words, **more)


def measurement(name, number, unit):
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = number, [code(unit, "UCUM")]
    return item("NUM", code("1", meaning=name), MeasuredValueSequence=[measured])


CONTENT = (
    item("TEXT", code("121008"), "HAS OBS CONTEXT", TextValue="DOE^OBSERVER"),
    section("121060", text("Cough.", "121060")),
    section("121070", text("Nodule of", children=[text("DOE said so", relationship="INFERRED FROM")]),
            measurement("Diameter", "8", "mm"), text("No effusion.")),
    section("121072", text("Nodule.", "121073")),
    section("18834-2", text("None.", "18834-2"), scheme="LN"),
)  # fmt: skip


def document(content=CONTENT, **tags):
    values = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11", "SOPInstanceUID": "1.2.3.9", "StudyInstanceUID": "1.2.3",
        "Modality": "SR", "PatientID": "P1", "IssuerOfPatientID": "NORTH", "PatientName": "DOE^JANE",
        "AccessionNumber": "A1", "ContentDate": "20240506", "ContentTime": "101112.5", "CompletionFlag": "COMPLETE",
        "VerificationFlag": "VERIFIED", "ValueType": "CONTAINER", "StudyDescription": "CHEST PA",
    }  # fmt: skip
    dataset = Dataset()
    for keyword, value in (values | tags).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.ContentSequence = list(content)
    return dataset


def read(tmp_path, dataset, **more):
    (found,) = sr.read(write_dataset_file(tmp_path / "x.dcm", dataset, **more))
    return found


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT, DEFLATED, "1.2.840.10008.1.2.2"])
def test_a_whole_document(tmp_path, syntax):
    assert read(tmp_path, document(), syntax=syntax) == Report(
        "x.dcm", "A1", accession="A1", study_uid="1.2.3", patient_id="P1", issuer="NORTH",
        reported_at=datetime(2024, 5, 6, 10, 11, 12), findings="Nodule of\nDiameter 8 mm.\nNo effusion.",
        impression="Nodule.", comparison="None.", indication="Cough.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked_for", "admitted", "expected"),
    [
        ({"ReasonForTheRequestedProcedure": "Fall"}, "Sepsis", "Fall"),
        ({"ReasonForTheRequestedProcedure": "CHEST PA"}, ["Sepsis", "Ileus"], "Sepsis; Ileus"),
        ({"RequestedProcedureDescription": "CHEST FOR LINE PLACEMENT"}, "", "CHEST FOR LINE PLACEMENT"),
        ({"RequestedProcedureDescription": "CHEST PA AND LATERAL"}, "", ""),
    ],
)
def test_without_a_section_the_request_says_why(tmp_path, asked_for, admitted, expected):
    asked = Dataset()
    for keyword, value in asked_for.items():
        setattr(asked, keyword, value)
    tags = {"ReferencedRequestSequence": [asked], "AdmittingDiagnosesDescription": admitted}
    assert read(tmp_path, document(CONTENT[2:], **tags)).indication == expected


def test_without_a_preamble(tmp_path):
    path = write_dataset_file(tmp_path / "x.dcm", document(), IMPLICIT)
    data = path.read_bytes()
    path.write_bytes(data[data.index(b"\x08\x00\x16\x00") :])
    (found,) = sr.read(path)
    assert found.accession == "A1"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, F),
        ({"CompletionFlag": "PARTIAL"}, P),
        ({"VerificationFlag": "UNVERIFIED"}, P),
        ({"PreliminaryFlag": "PRELIMINARY"}, P),
        ({"CompletionFlag": None}, P),
        ({"PredecessorDocumentsSequence": [Dataset()]}, C),
    ],
)
def test_only_what_is_complete_and_verified_is_signed(tmp_path, changes, expected):
    assert read(tmp_path, document(**changes)).status is expected


def test_coded_findings_and_headings_of_other_schemes(tmp_path):
    coded = item("CODE", code("121071"), ConceptCodeSequence=[code("1", "SCT", "Pneumothorax")])
    own = section("99", text("Clear.", "98"), meaning="Findings", scheme="99LOCAL")
    after = section("97", text("Normal.", "96"), meaning="Conclusion", scheme="99LOCAL")
    found = read(tmp_path, document([section("121070", coded)]))
    assert found.findings == "Pneumothorax."
    found = read(tmp_path, document([own, after]))
    assert (found.findings, found.impression) == ("Clear.", "Normal.")


@pytest.mark.parametrize(
    ("modifiers", "said"),
    [
        (["Absent"], "No pneumothorax."), (["Present", "Left", "Small"], "Pneumothorax: left, small."), ([], "Pneumothorax."),
    ],
)  # fmt: skip
def test_a_coded_finding_says_what_its_modifiers_say(tmp_path, modifiers, said):
    children = [item("CODE", None, "HAS CONCEPT MOD", ConceptCodeSequence=[code("1", "SRT", one)]) for one in modifiers]
    finding = item("CODE", code("121071"), children=children, ConceptCodeSequence=[code("2", "SRT", "Pneumothorax")])
    assert read(tmp_path, document([section("121070", finding)])).findings == said


def test_measurements_alone_are_no_report(tmp_path):
    assert read(tmp_path, document([section("126010", measurement("Area", "3", "mm2"))])) == Skipped("report.empty")


def test_the_time_is_that_of_the_verification(tmp_path):
    observer = Dataset()
    observer.VerificationDateTime = "20240507080910+0100"
    found = read(tmp_path, document(VerifyingObserverSequence=[observer]))
    assert found.reported_at == datetime(2024, 5, 7, 8, 9, 10)


def test_the_study_is_that_of_the_request_before_the_evidence(tmp_path):
    one, other = Dataset(), Dataset()
    one.StudyInstanceUID, one.AccessionNumber, other.StudyInstanceUID = "1.2.5", "A5", "1.2.6"
    found = read(tmp_path, document(CurrentRequestedProcedureEvidenceSequence=[other]))
    assert found.study_uid == "1.2.6"
    found = read(tmp_path, document(CurrentRequestedProcedureEvidenceSequence=[other], ReferencedRequestSequence=[one]))
    assert (found.study_uid, found.accession) == ("1.2.5", "A5")
    found = read(tmp_path, document(CurrentRequestedProcedureEvidenceSequence=[other, one]))
    assert found.study_uid == "1.2.3"


@pytest.mark.parametrize(
    ("charset", "words"),
    [("ISO_IR 100", "Épanchement"), ("ISO_IR 192", "胸水"), (["", "ISO 2022 IR 87"], "胸水"), ("ISO_IR 144", "Лёгкие")],
)
def test_character_sets(tmp_path, charset, words):
    found = read(tmp_path, document([section("121070", text(words))], SpecificCharacterSet=charset))
    assert found.findings == words


def test_a_report_below_an_addendum_is_the_addendum(tmp_path):
    below = section("121070", text("Pneumothorax.")), section("121072", text("Called.", "121073"), meaning="IMPRESSION")
    found = read(tmp_path, document([*CONTENT, section("121078", *below, text("By phone.", "1"))]))
    assert (found.findings, found.impression) == ("Nodule of\nDiameter 8 mm.\nNo effusion.", "Nodule.")
    assert found.addendum.split() == ["Pneumothorax.", "Called.", "By", "phone."]


def _printed(*pages, **tags):
    printed = pdf(*pages)
    values = {"SOPClassUID": ENCAPSULATED_PDF, "CompletionFlag": None, "VerificationFlag": None, "ValueType": None}
    found = document((), **(values | tags), EncapsulatedDocument=printed + b"\x00" * (len(printed) % 2))
    del found.ContentSequence
    return found


@pytest.mark.parametrize(("flag", "status"), [(None, F), ("VERIFIED", F), ("UNVERIFIED", P)])
def test_a_pdf_in_a_dicom_object(tmp_path, flag, status):
    made = _printed("Dr. Roe\nINDICATION: Cough.\nFINDINGS: Clear.\nIMPRESSION: Normal.", VerificationFlag=flag)
    assert read(tmp_path, made) == Report(
        "x.dcm", "A1", accession="A1", study_uid="1.2.3", patient_id="P1", issuer="NORTH",
        reported_at=datetime(2024, 5, 6, 10, 11, 12), findings="Clear.", impression="Normal.", indication="Cough.",
        status=status,
    )  # fmt: skip


def test_other_pdfs_in_dicom_objects(tmp_path):
    assert read(tmp_path, _printed("", "")) == Skipped("report.scanned")
    assert read(tmp_path, _printed("Consent to an examination")) == Skipped("report.empty")
    assert read(tmp_path, _printed("FINDINGS: Clear.", DocumentTitle="CT HEAD")) == Skipped("report.not_chest")
    broken = document((), SOPClassUID=ENCAPSULATED_PDF, EncapsulatedDocument=b"%PDF-1.7\n%%EOF")
    assert read(tmp_path, broken).message == "An encapsulated PDF is broken, or locked by a password."


def test_what_is_no_chest_report_is_skipped(tmp_path):
    assert read(tmp_path, document(StudyDescription="CT CHEST")) == Skipped("report.not_chest")
    reported = item("CODE", code("121058"), "HAS CONCEPT MOD", ConceptCodeSequence=[code("1", "LN", "XR Knee")])
    assert read(tmp_path, document([reported, *CONTENT], StudyDescription="")) == Skipped("report.not_chest")
    assert read(tmp_path, document(SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1")) == Skipped("report.not_sr")


def test_a_film_is_no_report_however_its_pixels_end(tmp_path):
    """Pixel data of undefined length, with no delimiter behind it."""
    path = write_dataset_file(tmp_path / "a.dcm", document(SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1"))
    path.write_bytes(path.read_bytes() + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0")
    assert list(sr.read(path)) == [Skipped("report.not_sr")]


def _nested(depth):
    inner = text("Clear.")
    for _ in range(depth):
        inner = section("121070", inner)
    return document([inner])


def test_a_tree_without_end_is_refused(tmp_path):
    assert read(tmp_path, _nested(20)).findings == "Clear."
    found = read(tmp_path, _nested(100))
    assert found.code == "report.malformed" and found.message == "A DICOM report cannot be parsed."


@pytest.mark.parametrize("lie", ["none", "length", "far"])
def test_a_deflate_bomb_is_refused_before_it_is_inflated(tmp_path, lie):
    path = write_deflated(tmp_path / "x.dcm", bytes(100 << 20))
    data = path.read_bytes()
    if lie == "length":  # of the file meta group, which pydicom does not believe either
        path.write_bytes(data[:140] + bytes([data[140] ^ 1]) + data[141:])
    elif lie == "far":  # the transfer syntax behind what is looked at first
        at = data.index(b"\x02\x00\x10\x00UI")
        path.write_bytes(
            data[:at] + b"\x02\x00\x02\x01OB\x00\x00" + (4096).to_bytes(4, "little") + bytes(4096) + data[at:]
        )
    tracemalloc.start()
    (found,) = sr.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.code == "report.too_large" and peak < 60 << 20


def test_more_items_than_any_report_are_refused_unparsed(tmp_path, monkeypatch):
    monkeypatch.setattr("cxrreport.dicom.guard._MAX_NESTED", 2_000)
    path = write_dataset_file(tmp_path / "x.dcm", document())
    items = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 200_000
    data = b"\x40\x00\x30\xa7SQ\x00\x00" + len(items).to_bytes(4, "little") + items
    path.write_bytes(path.read_bytes() + data)
    tracemalloc.start()
    (found,) = sr.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.code == "report.malformed" and peak < 30 << 20


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_no_bytes_raise(tmp_path_factory, data):
    base = tmp_path_factory.getbasetemp()
    whole = bytearray(write_dataset_file(base / "whole.dcm", document()).read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(128, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = base / "fuzz.dcm"
    path.write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    (found,) = sr.read(path)
    assert isinstance(found, (Report, Failure, Skipped))
    assert not isinstance(found, Failure) or "DOE" not in found.message
