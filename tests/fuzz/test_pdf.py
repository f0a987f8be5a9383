from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from builders.pdf import pdf
from hypothesis import given
from hypothesis import strategies as st

SPECIMENS = [
    pdf(f"Dr. {MARK}\nFINDINGS: Clear.\nIMPRESSION: Normal.", f"Page 2\n{MARK}"),
    pdf("", "IMPRESSION: Normal."),
]
WORDS = [
    *(b"<<", b">>", b"[", b"]", b"(", b")", b"/Kids", b"/Parent", b"/Length 99999999", b"/Count -1", b"1 0 R", b"2 0 R"),
    *(b"stream", b"endstream", b"endobj", b"BT", b"Tj", b"/Filter /FlateDecode", b"/Encrypt", b"xref", b"%%EOF"),
]  # fmt: skip


@given(data=st.deferred(lambda: damaged(SPECIMENS, WORDS)))
@fuzzed(0.1)
def test_damaged_pages(tmp_path, data):
    read_fuzzed(tmp_path / "A1.pdf", data, "pdf")
