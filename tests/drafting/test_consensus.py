"""Of several beams the text that is most like the retrieved reports is kept."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.codes import Flag
from cxrreport.drafting.consensus import _agreement, _grams, choose
from cxrreport.model.drafter import NetworkDraft, StudyStates
from cxrreport.model.prose import Prose

STATES = StudyStates((), (), (), True)
WORDS = st.lists(st.sampled_from(["heart", "lungs", "clear", "no", "effusion", "."]), min_size=1, max_size=8).map(
    " ".join
)


def draft(*said):
    first, *others = (Prose(text, (f"flag of {text}",), False) for text in said)
    return NetworkDraft(first.text, STATES, first.flags, True, tuple(others))


def test_the_text_of_most_references_wins_with_its_own_flags():
    references = ["The heart is normal. The lungs are clear.", "The lungs are clear. No effusion.", "Sternotomy wires."]
    chosen = choose(draft("Sternotomy wires.", "The lungs are clear."), references)
    assert chosen == Prose("The lungs are clear.", ("flag of The lungs are clear.",), False)


def test_word_order_counts():
    references = ["Clear lungs. Normal heart size."]
    assert choose(
        draft("Normal lungs. Clear heart size.", "Clear lungs. Normal heart size."), references
    ).text.startswith("Clear")


def test_a_text_that_was_cut_is_chosen_only_where_all_were():
    cut, whole = Prose("No effusion. The heart", (Flag.HIT_MAX_LENGTH,), False), Prose("Sternotomy.", (), False)
    made = NetworkDraft(cut.text, STATES, cut.flags, True, (whole,))
    assert choose(made, [cut.text]) == whole
    assert choose(NetworkDraft("Clear.", STATES, (Flag.HIT_MAX_LENGTH,), True, (cut,)), [cut.text]) == cut


def test_case_and_stops_do_not_count():
    said = ("no pleural effusion", "Something else entirely.")
    assert choose(draft(*said), ["No pleural effusion!"]).text == said[0]


@settings(deadline=None, max_examples=30)
@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), st.lists(WORDS, max_size=4))
def test_the_choice_is_one_of_the_beams_and_the_order_of_references_does_not_matter(said, references):
    chosen = choose(draft(*said), references)
    assert chosen.text in said
    assert references or chosen.text == said[0]
    assert abs(_total(chosen.text, references) - max(_total(text, references) for text in said)) < 1e-9


def _total(text, references):
    return _agreement(_grams(text), [_grams(reference) for reference in reversed(references)])


def test_a_text_agrees_most_with_itself():
    said = ("No effusion.", "The heart is normal.", "The lungs are clear. No effusion.")
    assert all(choose(draft(*said), [text]).text == text for text in said)
