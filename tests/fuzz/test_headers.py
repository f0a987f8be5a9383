import pytest
from builders import dicom
from builders.fuzz import fuzzed, soon
from builders.fuzz_films import damaged_film, is_told, specimen
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.errors import HeaderError
from cxrreport.imaging import header
from cxrreport.imaging.header import read_header
from cxrreport.records import FileEntry, Instance

COUNTS = ("rows", "columns", "frames", "bits_allocated", "bits_stored", "samples_per_pixel")


def _read_carefully(path):
    """As pydicom reads it, without the short way for ordinary files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "read_prefix", lambda path, tags: None)
        return _read(path)


def _read(path):
    entry = FileEntry(str(path), path.stat().st_size, 1)
    with soon():
        try:
            return read_header(entry, 4)
        except HeaderError as error:
            return error


@given(data=st.one_of(*map(damaged_film, dicom.NATIVE)))
@fuzzed(share=3)
def test_damaged_headers(tmp_path, data):
    path = tmp_path / "x.dcm"
    path.write_bytes(data)
    found, again = _read(path), _read_carefully(path)
    if isinstance(found, HeaderError):
        assert is_told(found, "header.") and (again.code, again.message) == (found.code, found.message)
    else:
        assert again == found
    if isinstance(found, Instance):
        assert all(0 <= getattr(found, name) < 1 << 31 for name in COUNTS)  # as a database can hold them


def test_the_specimens_are_read(tmp_path):
    for syntax in dicom.NATIVE:
        (tmp_path / "x.dcm").write_bytes(specimen(syntax))
        assert (_read(tmp_path / "x.dcm").rows, _read(tmp_path / "x.dcm").transfer_syntax) == (48, syntax)
