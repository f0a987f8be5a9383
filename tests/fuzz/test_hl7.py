import pytest
from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from hypothesis import given

MSH = r"MSH|^~\&|RIS|HOSP|||20240506120000||ORU^R01|M1|P|2.5|||||||8859/1"
MESSAGE = "\r".join([
    MSH,
    f"PID|1||X9^^^SS^SS~{MARK}1^^^NORTH&1.2&ISO^MR||{MARK}^JANE||19500102|F",
    "ORC|RE|PL1|A1",
    "OBR|1|PL1|A1^RIS|71045^XR CHEST 1 VIEW|||20240506110000||||||||||||||A1|||20240506115900||CR|F||||||R07.9^Pain",
    f"OBX|1|TX|&GDT||FINDINGS: Clear lungs of {MARK}.\\.br\\No effusion \\T\\ no \\X4142\\.~Second line.||||||F",
    f"NTE|1||Seen by {MARK}.|1R",
    "OBX|2|TX|&IMP||Normal.||||||F",
    "OBX|3|ED|PDF^^L||^AP^^Base64^JVBERi0=||||||F",
    "ZDS|1.2.840.77^RIS^Application^DICOM",
    "",
])  # fmt: skip
ADDENDUM = f"{MSH}\rPID|1||{MARK}1\rOBR|1|PL1|A1|71045^XR CHEST\rOBX|1|FT|11329-0^^LN||ADDENDUM: {MARK}.||||||C\r"
SPECIMENS = [
    MESSAGE.encode(),
    f"\x0b{MESSAGE}\x1c\r\x0b{ADDENDUM}\x1c\r".encode(),
    f"FHS|^~\\&\nBHS|^~\\&\n{MESSAGE}{ADDENDUM}BTS|2\nFTS|1\n".replace("\r", "\r\n").encode(),
    MESSAGE.replace("8859/1", "UNICODE UTF-16").encode("utf-16"),
]
WORDS = [
    *(b"MSH|^~\\&|", b"\rPID|", b"\rOBR|", b"\rOBX|1|TX|&IMP||", b"\rNTE|", b"\x0b", b"\x1c\r", b"\r\n", b"|^&~"),
    *(b"\\", b"\\.br\\", b"\\X00\\", b"\\XD8\\", b"\\Z", b"\\E\\", b"FINDINGS:", b"Chest 1.1."),
]  # fmt: skip


@given(data=damaged(SPECIMENS, WORDS))
@fuzzed()
def test_damaged_messages(tmp_path, data):
    read_fuzzed(tmp_path / "feed.hl7", data, "hl7")


@pytest.mark.parametrize("data", SPECIMENS)
def test_the_specimens_are_read(tmp_path, data):
    assert any(getattr(one, "impression", "") == "Normal." for one in read_fuzzed(tmp_path / "feed.hl7", data, "hl7"))
