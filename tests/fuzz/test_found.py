"""What was found by damaging files, each as small as it can be, with what is right."""

import pytest
from builders import dicom
from builders.fuzz_films import specimen
from builders.fuzz_reports import read_fuzzed

from cxrreport.imaging.header import read_header
from cxrreport.imaging.load import load_image
from cxrreport.records import FileEntry

HEADER, ROW = "accession,impression\n", "A{},Normal.\n"


@pytest.mark.parametrize("unseen", ["\ufeff", "\u202e", "\u200b", "\xad"])
def test_what_nobody_sees_is_no_part_of_an_identifier(tmp_path, unseen):
    """Tables that were joined keep the marks of byte order of each in the middle."""
    data = (HEADER + ROW.format(1) + unseen + ROW.format(2)).encode()
    assert [one.accession for one in read_fuzzed(tmp_path / "x.csv", data, "table")] == ["A1", "A2"]
    tags = {"SpecificCharacterSet": "ISO_IR 192", "AccessionNumber": f"{unseen}A2"}
    film = dicom.write_dicom(tmp_path / "x.dcm", **tags)
    assert read_header(FileEntry(str(film), film.stat().st_size, 1)).accession == "A2"


@pytest.mark.parametrize("syntax", [dicom.EXPLICIT, dicom.RLE])
def test_a_number_of_unknown_representation_is_read(tmp_path, syntax):
    path, whole = tmp_path / "x.dcm", specimen(syntax)
    path.write_bytes(whole)
    expected = load_image(str(path), 1 << 20)
    path.write_bytes(whole.replace(b"\x28\x00\x53\x10DS", b"\x28\x00\x53\x10ES"))  # the rescale slope
    assert load_image(str(path), 1 << 20).pixel_sha256 == expected.pixel_sha256


@pytest.mark.parametrize("start", ["exam", "FINDINGS", "Chest 1."])
def test_a_long_line_of_spaces_is_read_soon(tmp_path, start):
    (found,) = read_fuzzed(tmp_path / "A1.txt", f"IMPRESSION: Normal.\n{start}{' ' * 33_000}".encode(), "text")
    assert found.impression.startswith("Normal.")


def test_reports_without_any_number_stay_two(tmp_path):
    """Two orders of one message, and two messages without a number of their own."""
    told = (("20240506110000", "Normal."), ("20240507110000", "Edema."))
    orders = "".join(f"OBR|1||||||{time}\rOBX|1|TX|||IMPRESSION: {words}\r" for time, words in told)
    for number in ("M1", ""):
        data = f"MSH|^~\\&|||||||ORU^R01|{number}|P|2.5\rPID|1||P1\r{orders}".encode()
        one, other = read_fuzzed(tmp_path / "feed.hl7", data, "hl7")
        assert one.external_id and other.external_id and one.external_id != other.external_id
