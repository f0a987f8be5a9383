import pytest
from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from hypothesis import given

XML = (
    '<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR1"/><articleDate>2013-08-01</articleDate><Abstract>'
    f'<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">{MARK}</AbstractText>'
    f'<AbstractText Label="FINDINGS">Clear &amp; <b>dry</b>, {MARK}.</AbstractText><AbstractText Label="IMPRESSION">'
    "Normal.</AbstractText></Abstract><MeSH><major>normal</major></MeSH></eCitation>"
)
SPECIMENS = [XML.encode(), XML.replace("utf-8", "utf-16").encode("utf-16"), XML.replace("utf-8", "latin-1").encode()]
WORDS = [
    *(
        b"<!DOCTYPE a [",
        b'<!ENTITY a "b">',
        b"]>",
        b"&a;",
        b"&#0;",
        b"&#xD800;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"<?x ?>",
    ),
    *(
        b'<AbstractText Label="FINDINGS">',
        b"</AbstractText>",
        b"<b>",
        b"</b>",
        b"<",
        b">",
        b'"',
        b"\x00",
        b"\xff",
        b"utf-7",
    ),
]


@given(data=damaged(SPECIMENS, WORDS))
@fuzzed()
def test_damaged_citations(tmp_path, data):
    read_fuzzed(tmp_path / "CXR1.xml", data, "openi")


@pytest.mark.parametrize("data", SPECIMENS)
def test_the_specimens_are_read(tmp_path, data):
    (found,) = read_fuzzed(tmp_path / "CXR1.xml", data, "openi")
    assert (found.external_id, found.impression) == ("CXR1", "Normal.")
