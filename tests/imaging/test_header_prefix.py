"""The short way to a header tells what pydicom tells, or nothing."""

import struct
import warnings

import pytest
from builders import dicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrreport.dicom.prefix import read_prefix
from cxrreport.errors import HeaderError
from cxrreport.imaging import header
from cxrreport.records import FileEntry

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, blacklist_characters="\\"), max_size=20)
CODE = st.sampled_from(["", "PA", "LL ", " AP", "L\\F", "ORIGINAL\\ \\X"])
TAGS = {
    **dict.fromkeys(("StudyDescription", "SeriesDescription", "InstitutionName", "ReasonForTheRequestedProcedure"), TEXT),
    **dict.fromkeys(("StationName", "AccessionNumber", "PatientID", "IssuerOfPatientID"), TEXT),
    **dict.fromkeys(("Modality", "ViewPosition", "PatientOrientation", "ImageType"), CODE),
    "PatientName": st.sampled_from(["", "Poe^Jane", "Pöe^Jane ", "Poe^Jane=X^Y", " ^Jane"]),
    "StudyDate": st.sampled_from(["", "20240305", "2024.03.05", "20240305 ", "x"]),
    "StudyTime": st.sampled_from(["", "1015", "101500.25", "10:15:00"]),
    "PatientBirthDate": st.sampled_from(["", "19500102", "00010101"]),
    "PatientAge": st.sampled_from(["", "062Y", "62"]),
    "NumberOfFrames": st.sampled_from(["1", " 1 ", "", "2"]),
    "ExposureIndex": st.sampled_from(["312.5", " 1e3 ", "", "-0"]),
    "SpecificCharacterSet": st.sampled_from([None, "", "ISO_IR 100", "ISO_IR 192", "ISO_IR 6", "ISO_IR 101"]),
    "RequestAttributesSequence": st.lists(TEXT, max_size=3).map(lambda texts: Sequence([_request(one) for one in texts])),
    "ReferencedImageSequence": st.integers(0, 2).map(lambda count: Sequence([_request("x")] * count)),
}  # fmt: skip


def _request(reason):
    item = Dataset()
    item.ReasonForTheRequestedProcedure = reason
    item.ReferencedSeriesSequence = Sequence([Dataset()])
    return item


def _undefine(dataset):
    """Give its sequences and their items delimiters in place of lengths."""
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _undefine(item)


def _read(path):
    try:
        return header.read_header(FileEntry(str(path), path.stat().st_size, 1), 4, b"key")
    except HeaderError as error:
        return error.code, error.message


@given(tags=st.fixed_dictionaries({}, optional=TAGS), implicit=st.booleans(), undefined=st.booleans())
@settings(max_examples=150)
def test_it_tells_what_pydicom_tells(tmp_path_factory, tags, implicit, undefined):
    path, pixels = tmp_path_factory.mktemp("header") / "a", dicom.chest(8, 8)
    dataset = dicom.header(pixels, **tags)
    if undefined:
        _undefine(dataset)
    dataset.add_new(0x7FE00010, "OW", pixels.tobytes())
    with warnings.catch_warnings(action="ignore"):  # what a character set does not hold
        dicom.write_dataset_file(path, dataset, dicom.IMPLICIT if implicit else dicom.EXPLICIT)
    found = _read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "read_prefix", lambda path, tags: None)
        assert _read(path) == found


@pytest.mark.parametrize("syntax", [dicom.EXPLICIT, dicom.IMPLICIT, dicom.JPEG_2000, dicom.JPEG_LS])
def test_ordinary_files_go_the_short_way(tmp_path, syntax):
    path = dicom.write_dicom(tmp_path / "a", syntax=syntax, RequestAttributesSequence=Sequence([_request("cough")]))
    found = read_prefix(str(path), header._TAGS)
    assert found.transfer_syntax == syntax and found.texts[0x00100020] == "P1"
    assert found.items[0x00400275] == [{0x00401002: "cough"}]


def test_a_long_header_is_read_on(tmp_path):
    path = dicom.write_dicom(tmp_path / "a", IconImageSequence=Sequence([_icon(100_000)]))
    assert read_prefix(str(path), header._TAGS).texts[0x00280010] == "160"
    path = dicom.write_dicom(tmp_path / "b", IconImageSequence=Sequence([_icon(2_000_000)]))
    assert read_prefix(str(path), header._TAGS) is None
    assert _read(path).rows == 160


def _icon(size):
    item = Dataset()
    item.add_new(0x00091010, "OB", bytes(size))
    return item


@pytest.mark.parametrize("syntax", [dicom.DEFLATED, dicom.BIG_ENDIAN])
def test_what_is_unusual_is_left_to_pydicom(tmp_path, syntax):
    assert read_prefix(str(dicom.write_dicom(tmp_path / "a", syntax=syntax)), header._TAGS) is None


def test_no_file_of_another_kind_and_no_end_before_the_pixels(tmp_path):
    for content in (b"", b"\0" * 128 + b"DICM", b"x" * 20_000, b"\0" * 128 + b"DICM" + struct.pack("<HH", 8, 5) * 9):
        (tmp_path / "a").write_bytes(content)
        assert read_prefix(str(tmp_path / "a"), header._TAGS) is None
    whole = dicom.write_dicom(tmp_path / "b").read_bytes()
    (tmp_path / "b").write_bytes(whole[: whole.index(b"\xe0\x7f\x10\x00")])
    assert read_prefix(str(tmp_path / "b"), header._TAGS) is None


def test_the_forms_are_those_of_the_standard():
    from pydicom.datadict import dictionary_VR

    assert {tag: dictionary_VR(tag).encode() for tag in header._TAGS} == header._TAGS
