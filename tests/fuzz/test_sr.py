from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from builders.dicom import BASIC_TEXT_SR, DEFLATED, EXPLICIT, IMPLICIT, write_dataset_file
from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

WORDS = [
    *(b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0", b"\xff\xff\xff\xff", b"\xf0\xff\xff\xff"),
    *(b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff", b"\x40\x00\x60\xa1UT", b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192", b"\x1b$B"),
    *(b"UN", b"SQ", b"UL", b"TEXT", b"CONTAINER", b"NUM", b"121071", b"COMPLETE", b"PARTIAL", b"\\", b"Normal."),
]  # fmt: skip


def _code(value):
    found = Dataset()
    found.CodeValue, found.CodingSchemeDesignator, found.CodeMeaning = value, "DCM", "x"
    return found


def _item(kind, code, **more):
    found = Dataset()
    found.ValueType, found.RelationshipType, found.ConceptNameCodeSequence = kind, "CONTAINS", [_code(code)]
    for keyword, value in more.items():
        setattr(found, keyword, value)
    return found


def _document():
    values = {
        "SOPClassUID": BASIC_TEXT_SR, "SOPInstanceUID": "1.2.3.9", "StudyInstanceUID": "1.2.3", "Modality": "SR",
        "PatientID": f"{MARK}1", "PatientName": f"{MARK}^JANE", "AccessionNumber": "A1", "ContentDate": "20240506",
        "ContentTime": "101112.5", "CompletionFlag": "COMPLETE", "VerificationFlag": "VERIFIED", "ValueType": "CONTAINER",
        "StudyDescription": "CHEST PA",
    }  # fmt: skip
    found = _item("CONTAINER", "126000", **values)
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "8", [_code("mm")]
    texts = [_item("TEXT", "121071", TextValue=f"Clear, {MARK}."), _item("NUM", "1", MeasuredValueSequence=[measured])]
    found.ContentSequence = [
        _item("CONTAINER", "121070", ContentSequence=texts),
        _item("CONTAINER", "121072", ContentSequence=[_item("TEXT", "121073", TextValue="Normal.")]),
    ]
    return found


@cache
def _specimens():
    with TemporaryDirectory() as folder:
        place = Path(folder) / "sr"
        return [write_dataset_file(place, _document(), one).read_bytes() for one in (EXPLICIT, IMPLICIT, DEFLATED)]


@given(data=st.deferred(lambda: damaged(_specimens(), WORDS)))
@fuzzed()
def test_damaged_documents(tmp_path, data):
    read_fuzzed(tmp_path / "x.dcm", data, "sr")


def test_the_specimens_are_read(tmp_path):
    for data in _specimens():
        (found,) = read_fuzzed(tmp_path / "x.dcm", data, "sr")
        assert (found.accession, found.impression) == ("A1", "Normal.")
