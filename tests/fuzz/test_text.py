import pytest
from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from hypothesis import given

TEXT = f"""\
EXAMINATION: CHEST PA AND LAT
DATE: 2024-05-06 10:11
INDICATION: {MARK}, 50F with cough. Compared to 1.2.2023.
COMPARISON: None.

FINDINGS: The lungs of {MARK} are clear (series 2, image 3). No pneumothorax;
heart 1.5 cm larger. 1. No effusion. 2. <LT> base.

IMPRESSION: Normal.
Addendum: small right apical pneumothorax.
Electronically signed by: Dr. {MARK}, MD 05/06/2024
"""
RTF = "{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Arial;}}\\f0 " + TEXT.replace("\n", "\\par\n") + "}"
SPECIMENS = [
    TEXT.encode(),
    TEXT.replace("\n", "\r\n").encode("utf-16"),
    RTF.encode(),
    TEXT.lower().replace(":", "").encode(),
]
WORDS = [
    *(b"FINDINGS:", b"\nIMPRESSION:", b"\nADDENDUM:", b"FINDINGS", b"Chest ", b"1.", b"1.1.", b"2. ", b"\n\n\n", b"\r", b" "),
    *(b"\t", b":", b"_" * 60, b"-" * 60, b"(", b"<", b">", b"/", b"DATE: ", b"12/31/2024", b"No ", b"compared to ", b"and "),
    *(b", ", b"Dr. ", b"{\\rtf1", b"\\par ", b"\\u-10179?", b"\\'e9", b"\\bin99999 ", b"{\\*"),
]  # fmt: skip


@given(data=damaged(SPECIMENS, WORDS))
@fuzzed()
def test_damaged_texts(tmp_path, data):
    read_fuzzed(tmp_path / "A1.txt", data, "text")


@given(data=damaged(SPECIMENS, WORDS))
@fuzzed(share=0.3)
def test_damaged_files_whose_kind_is_guessed(tmp_path, data):
    read_fuzzed(tmp_path / "A1.txt", data)


@pytest.mark.parametrize("data", SPECIMENS[:3])
def test_the_specimens_are_read(tmp_path, data):
    (found,) = read_fuzzed(tmp_path / "A1.txt", data, "text")
    assert found.impression.startswith("Normal.") and found.accession == "A1"
