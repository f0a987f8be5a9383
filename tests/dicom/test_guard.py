"""A hostile header is refused at once and with little memory, wherever the hostility lies; an honest one is read past it."""

import os
import struct
import tracemalloc

import builders.dicom as builders
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrreport.dicom import guard
from cxrreport.errors import HeaderError
from cxrreport.imaging.header import read_header
from cxrreport.records import FileEntry

OPEN = b"\xff\xff\xff\xff"
ITEM = b"\xfe\xff\x00\xe0"
ITEM_END, SEQUENCE_END = b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)
ASKED_FOR, OTHER = (0x0040, 0x0275), (0x0040, 0x0555)


def read(path):
    return read_header(FileEntry(str(path), os.path.getsize(path), 0))


def sequence(tag, content, length=OPEN):
    return struct.pack("<HH", *tag) + b"SQ\0\0" + length + content


def counted(content):
    return struct.pack("<I", len(content)) + content


def with_elements(path, elements):
    """Write an image whose header holds these elements, too, before its Rows."""
    whole = builders.write_dicom(path).read_bytes()
    at = whole.index(b"\x28\x00\x02\x00US")
    path.write_bytes(whole[:at] + elements + whole[at:])
    return path


EMPTY = struct.pack("<HH", 0x0041, 0x1001) + b"UN\0\0" + bytes(4)
MANY = EMPTY * 100_000
HOSTILE = {
    "many elements": (MANY, "header.malformed"),
    "in an open item": (sequence(OTHER, ITEM + OPEN + MANY + ITEM_END + SEQUENCE_END), "header.malformed"),
    "in an item asked for": (sequence(ASKED_FOR, ITEM + counted(MANY) + SEQUENCE_END), "header.malformed"),
    "in a sequence asked for": (sequence(ASKED_FOR, b"", counted(ITEM + counted(MANY))), "header.malformed"),
    "many items": (sequence(OTHER, (ITEM + bytes(4)) * 100_000 + SEQUENCE_END), "header.malformed"),
    "a long number": (struct.pack("<HH", 0x0020, 0x0010) + b"UT\0\0" + counted(b"7" * (8 << 20)), None),
    "a long patient": (struct.pack("<HH", 0x0010, 0x0020) + b"UT\0\0" + counted(b"7" * (8 << 20)), "header.malformed"),
    "nested deeply": (sequence(OTHER, ITEM + OPEN) * 4000, "header.nested"),
    "cut in a sequence": (sequence(OTHER, ITEM + OPEN + EMPTY), "header.incomplete"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_costs_little(tmp_path, name, monkeypatch):
    monkeypatch.setattr(guard, "MAX_ELEMENTS", 500)
    monkeypatch.setattr(guard, "_MAX_NESTED", 1000)
    elements, code = HOSTILE[name]
    path = with_elements(tmp_path / "a", elements)
    tracemalloc.start()
    try:
        if code is None:  # nobody asks for it
            assert read(path).patient_id == "P1"
        else:
            with pytest.raises(HeaderError) as caught:
                read(path)
            assert caught.value.code == code
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("syntax", [builders.IMPLICIT, builders.EXPLICIT, builders.BIG_ENDIAN, builders.DEFLATED])
@pytest.mark.parametrize("keyword", ["RequestAttributesSequence", "AcquisitionContextSequence"])
@pytest.mark.parametrize("undefined", [True, False])
def test_honest_sequences_are_read_or_passed_by(tmp_path, syntax, keyword, undefined):
    inner, item = Dataset(), Dataset()
    inner.PatientID = "SOMEONE ELSE"
    item.ReasonForTheRequestedProcedure = "Cough"
    item.ReferencedImageSequence = Sequence([inner, inner])
    item["ReferencedImageSequence"].is_undefined_length = undefined
    tags = {keyword: Sequence([item, item])}
    item.is_undefined_length_sequence_item = inner.is_undefined_length_sequence_item = undefined
    path = builders.write_dicom(tmp_path / "a", syntax=syntax, **tags)
    found = read(path)
    assert (found.patient_id, found.rows) == ("P1", 160)
    assert found.indication == ("Cough" if keyword == "RequestAttributesSequence" else "")


def test_implicit_items_and_an_icon_inside_an_explicit_header_are_passed_by(tmp_path):
    implicit = ITEM + OPEN + struct.pack("<HHI", 0x0010, 0x0020, 4) + b"ELSE" + ITEM_END + SEQUENCE_END
    icon = (
        struct.pack("<HH", 0x7FE0, 0x0010)
        + b"OB\0\0"
        + OPEN
        + ITEM
        + counted(b"")
        + ITEM
        + counted(b"ABCD")
        + SEQUENCE_END
    )
    unknown = struct.pack("<HH", 0x0041, 0x1002) + b"UN\0\0" + OPEN + implicit
    elements = sequence((0x0088, 0x0200), ITEM + OPEN + icon + ITEM_END + SEQUENCE_END)
    path = with_elements(tmp_path / "a", unknown + elements + sequence(OTHER, SEQUENCE_END))
    found = read(path)
    assert (found.patient_id, found.rows) == ("P1", 160)
