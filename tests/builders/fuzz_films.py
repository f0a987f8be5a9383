"""Small images of a marked patient in every transfer syntax, and damaged copies of them."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from builders import dicom
from builders.fuzz import MARK, damaged
from cxrreport.codes import CODES
from cxrreport.errors import InputError

LOSSY = {dicom.JPEG_BASELINE: 8, dicom.JPEG_EXTENDED: 12}
SYNTAXES = (*dicom.LOSSLESS, *LOSSY)
WORDS = [
    *(b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00", b"\xff\xff\xff\xff"),
    *(b"\xf0\xff\xff\xff", b"\xe0\x7f\x10\x00OW\x00\x00", b"\x28\x00\x10\x00US\x02\x00", b"LO", b"UN", b"SQ"),
    *(b"\x28\x00\x11\x00US\x02\x00\xff\xff", b"\xff\xd8", b"\xff\xd9", b"\xff\xc3", b"\xff\xff", b"\xff\x4f\xff\x51"),
    *(
        b"\xff\x90",
        b"\xff\xda",
        b"\x00" * 16,
        b"\\",
        b"99999999999999999999",
        b"1e400",
        b"-1",
        b"19000101",
        b"ISO_IR 192",
    ),
    *(b"1.2.840.10008.1.2.4.90", b"\x1b$B", b"\x1b[2J"),
]


@cache
def specimen(syntax: str) -> bytes:
    """A file of 48 x 40 pixels."""
    bits = LOSSY.get(syntax, 12)
    pixels = dicom.chest(48, 40, bits).astype("u1" if bits == 8 else "u2")
    tags = {"PatientName": f"{MARK}^JANE", "PatientID": f"{MARK}1", "StudyDescription": f"CHEST of {MARK}"}
    tags |= {"RescaleSlope": "1", "RescaleIntercept": "0", "WindowCenter": "2000", "WindowWidth": "4000"}
    with TemporaryDirectory() as folder:
        return dicom.write_dicom(Path(folder) / "x", pixels, syntax, bits, **tags).read_bytes()


def damaged_film(syntax: str) -> st.SearchStrategy[bytes]:
    """Damaged copies of the specimen of this syntax; now and then one goes on as one of another."""
    return st.deferred(lambda: damaged([specimen(syntax)] * 3 + [specimen(dicom.EXPLICIT)], WORDS))


def is_told(error: InputError, family: str) -> bool:
    """Is it an error with a code of ours of this family, whose sentence quotes no patient?"""
    return error.code in CODES and error.code.startswith(family) and MARK.lower() not in error.message.lower()
