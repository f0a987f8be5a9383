"""Which of the beams becomes the text."""

import pytest
from builders.texts import STATES
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.codes import Flag
from cxrreport.drafting.text import choose
from cxrreport.model.drafter import NetworkDraft
from cxrreport.model.prose import Prose

TOLD = st.lists(st.sampled_from(["heart", "lungs", "clear", "no", "effusion", "."]), min_size=1, max_size=8).map(
    " ".join
)


def beams(*said):
    first, *others = (Prose(text, (f"flag of {text}",), False) for text in said)
    return NetworkDraft(first.text, STATES, first.flags, True, tuple(others))


@pytest.mark.parametrize(
    ("said", "references", "chosen"),
    [
        (("Sternotomy wires.", "The lungs are clear."),
         ["The heart is normal. The lungs are clear.", "The lungs are clear. No effusion.", "Sternotomy wires."], 1),
        (("Normal lungs. Clear heart size.", "Clear lungs. Normal heart size."), ["Clear lungs. Normal heart size."], 1),
        (("no pleural effusion", "Something else entirely."), ["No pleural effusion!"], 0),
        (("No effusion.", "The heart is normal."), ["The heart is normal."], 1),
        (("No effusion.", "The heart is normal."), [], 0),
    ],
)  # fmt: skip
def test_the_text_of_most_references_wins_with_its_own_flags(said, references, chosen):
    assert choose(beams(*said), references) == Prose(said[chosen], (f"flag of {said[chosen]}",), False)


def test_a_text_that_was_cut_is_chosen_only_where_all_were():
    cut, whole = Prose("No effusion. The heart", (Flag.HIT_MAX_LENGTH,), False), Prose("Sternotomy.", (), False)
    made = NetworkDraft(cut.text, STATES, cut.flags, True, (whole,))
    assert choose(made, [cut.text]) == whole
    assert choose(NetworkDraft("Clear.", STATES, (Flag.HIT_MAX_LENGTH,), True, (cut,)), [cut.text]) == cut


@settings(deadline=None, max_examples=30)
@given(st.lists(TOLD, min_size=1, max_size=4, unique=True), st.lists(TOLD, max_size=4))
def test_the_choice_is_one_of_the_beams_and_the_order_of_references_does_not_matter(said, references):
    chosen = choose(beams(*said), references)
    assert chosen.text in said
    assert references or chosen.text == said[0]
    assert choose(beams(*said), references[::-1]) == chosen or len(said) > 1
