import json

import pytest
from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from hypothesis import given

ROWS = [
    f'A{number},{MARK}{number},2024-05-0{number},"Clear lungs, {MARK}.\n""No"" effusion.",Normal.'
    for number in (1, 2, 3)
]
CSV = "\n".join(["accession,patient_id,date,findings,impression", *ROWS]) + "\n"
JSON = "".join(
    json.dumps({"accession": f"A{n}", "patient_id": f"{MARK}{n}", "date": "2024-05-01", "text": "IMPRESSION: Normal."})
    + "\n"
    for n in (1, 2, 3)
)
LINES = "\n".join(
    ["id,patient_id,date,line,text,addendum"]
    + [f"A{n},{MARK}{n},2024-05-0{n} 10:0{line},{line},<p>{text} &#65;</p>,{MARK} told." for n in (1, 2, 3) for line, text in
       enumerate(("FINDINGS:", "Clear.", "IMPRESSION: Normal."), start=1)]
) + "\n"  # fmt: skip
SPECIMENS = [
    CSV.encode(),
    CSV.replace(",", ";").replace("\n", "\r\n").encode(),
    CSV.replace(",", "\t").encode("utf-16"),
    JSON.encode(),
    LINES.encode(),
]
WORDS = [
    *(b'"', b'""', b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"sep=;\n", b"{", b"}"),
    *(b"9" * 5000, b"&#" + b"1" * 5000 + b";", b"<p ", b"\x1b[2J", b"ADDENDUM" + b" " * 500, b"A1,1,"),
    *(b'"\\ud800"', b"\\u0000", b"NaN", b"findings", b"A1,", b"31.12.2024", b"FINDINGS:", b"Chest 1.1."),
]


@given(data=damaged(SPECIMENS, WORDS))
@fuzzed()
def test_damaged_tables(tmp_path, data):
    read_fuzzed(tmp_path / "reports.csv", data, "table")


@pytest.mark.parametrize("data", SPECIMENS)
def test_the_specimens_are_read(tmp_path, data):
    found = read_fuzzed(tmp_path / "reports.csv", data, "table")
    assert [one.external_id for one in found] == ["A1", "A2", "A3"]
