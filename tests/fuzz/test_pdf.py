from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from builders.pdf import pdf
from hypothesis import given

TEXT = f"Patient: {MARK}, JANE\nEXAM: XR CHEST\nFINDINGS: Clear lungs of {MARK}.\nIMPRESSION: Normal."
SPECIMENS = [pdf(TEXT), pdf(TEXT, "Page 2 of 2\nNo effusion.")]
WORDS = [
    *(b"%PDF-1.4", b"%%EOF", b" obj", b"endobj", b"stream\n", b"endstream", b"xref", b"trailer", b"startxref", b"<<", b">>"),
    *(b"/Kids [1 0 R]", b"/Count 99999999", b"/Length 0", b"/Parent 3 0 R", b"/Filter /FlateDecode", b"/Encrypt 1 0 R"),
    *(b"[", b"]", b"(", b")", b" Tj", b" 0 R", b"/Font", b"/ToUnicode 4 0 R", b"99999999999999999999", b"-1"),
]  # fmt: skip


@given(data=damaged(SPECIMENS, WORDS))
@fuzzed(share=0.5)
def test_damaged_pages(tmp_path, data):
    read_fuzzed(tmp_path / "A1.pdf", data, "pdf")


def test_the_specimens_are_read(tmp_path):
    for data in SPECIMENS:
        (found,) = read_fuzzed(tmp_path / "A1.pdf", data, "pdf")
        assert found.findings.startswith("Clear lungs") and found.impression.startswith("Normal.")
