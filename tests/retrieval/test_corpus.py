from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.retrieval.corpus import MAX_CHARS, clean_passage


def test_white_space_and_control_characters():
    assert clean_passage("  No\n\teffusion.\x00\x1b \u202e Clear. ") == "No effusion. Clear."


def test_long_text_ends_at_a_word():
    text = clean_passage("effusion " * 1000)
    assert MAX_CHARS - 9 <= len(text) <= MAX_CHARS and set(text.split()) == {"effusion"}
    assert len(clean_passage("x" * 5000)) == MAX_CHARS


@given(st.text(max_size=100))
@settings(max_examples=100, deadline=None)
def test_clean_once_is_clean(text):
    assert clean_passage(clean_passage(text)) == clean_passage(text)
