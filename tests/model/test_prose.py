import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.model.prose import sentence_case, split_sentences, tidy


def test_sentence_case():
    assert sentence_case("heart is normal . no effusion .") == "Heart is normal. No effusion."
    assert sentence_case("heart is normal. no effusion") == "Heart is normal. No effusion."
    assert sentence_case("plate - like band , small . . ") == "Plate-like band, small."
    assert sentence_case("") == sentence_case(" . ") == ""


@given(st.lists(st.text("abcxyz ", min_size=1).map(lambda s: " ".join(s.split())).filter(bool), max_size=5))
@settings(max_examples=50, deadline=None)
def test_sentence_case_keeps_every_word(parts):
    prose = sentence_case("".join(f"{part} . " for part in parts))
    assert prose.lower().replace(".", "").split() == " ".join(parts).split()
    assert prose.count(".") == len(parts)


def test_a_decimal_point_ends_no_sentence():
    assert split_sentences("a nodule of 1.2 . no effusion . ") == ["a nodule of 1.2", "no effusion"]


def test_half_a_sentence_is_dropped_unless_it_is_all_there_is():
    assert tidy("no effusion . there is no", complete=False).text == "No effusion."
    assert tidy("there is no", complete=False).text == "There is no."
    assert tidy("no effusion . there is no", complete=True).text == "No effusion. There is no."


def test_flags_tell_what_was_mended():
    assert tidy("clear . no effusion .", complete=True).flags == ()
    assert tidy("clear .", complete=False).flags == ("hit_max_length",)
    assert tidy("clear . clear . no", complete=False).flags == ("hit_max_length", "repeated_sentence")


@pytest.mark.parametrize(
    ("raw", "runaway"),
    [("heart heart heart heart .", True), ("the heart heart heart .", False), ("Heart - heart, heart heart", True)],
)
def test_runaway(raw, runaway):
    assert tidy(raw, complete=True).runaway is runaway
