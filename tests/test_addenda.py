"""What is added to a report stays in order, once."""

from hypothesis import given
from hypothesis import strategies as st

from cxrreport import addenda

WORDS = st.text("ab .\n:A", max_size=12)


def test_each_addendum_stands_once_without_its_heading():
    joined = addenda.join(["Addendum: A nodule.", " ADDENDUM #2 - Ward was told.", "a NODULE", ""])
    assert addenda.part(joined) == ["A nodule.", "Ward was told."]
    assert addenda.behind("Normal.", joined) == "Normal.\n\nAddendum: A nodule.\n\nAddendum: Ward was told."
    assert addenda.behind("Normal.", "") == "Normal." and addenda.part("") == []


@given(st.lists(WORDS, max_size=4))
def test_joining_again_changes_nothing(texts):
    joined = addenda.join(texts)
    assert addenda.join(addenda.part(joined)) == joined


def test_what_a_text_holds_is_told_by_whole_words():
    assert addenda.holds("Small LEFT\neffusion, new.", "left effusion new")
    assert not addenda.holds("No effusions.", "no effusion")
    assert addenda.holds("Anything.", " -- ")  # nothing is added
