"""What is added to a report stays in order, once."""

from hypothesis import given
from hypothesis import strategies as st

from cxrreport import addenda

WORDS = st.text("ab .\n:A", max_size=12)


def test_each_addendum_stands_once_without_its_heading():
    joined = addenda.join(["Addendum: A nodule.", "a NODULE", " ADDENDUM #2 - Ward was told.", ""])
    assert addenda.part(joined) == ["A nodule.", "Ward was told."]
    assert addenda.behind("Normal.", joined) == "Normal.\n\nAddendum: A nodule.\n\nAddendum: Ward was told."
    assert addenda.behind("Normal.", "") == "Normal." and addenda.part("") == []


@given(st.lists(WORDS, max_size=4))
def test_joining_again_changes_nothing(texts):
    joined = addenda.join(texts)
    assert addenda.join(addenda.part(joined)) == joined


def test_what_is_said_again_after_a_denial_stays():
    said = ["Small pneumothorax.", "No pneumothorax.", "Small pneumothorax."]
    assert addenda.part(addenda.join(said)) == said


def test_what_texts_hold_is_told_by_whole_sentences():
    assert addenda.holds(["Clear. Small LEFT\neffusion, new.", "Told."], "small left effusion new. TOLD")
    assert not addenda.holds(["No right pneumothorax."], "Right pneumothorax.")
    assert addenda.holds(["Anything."], " -- ")  # nothing is added
