"""The text that is stored: chosen among the beams, freed of what the network cannot know, true to the table."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.codes import Flag
from cxrreport.drafting.text import choose, final_text
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.model.drafter import NetworkDraft, StudyStates
from cxrreport.model.prose import Prose
from cxrreport.reports.labels import label

STATES = StudyStates((), (), (), True)


def table(*positive):
    return {finding: State.POSITIVE if finding in positive else State.BLANK for finding in FINDINGS}


def draft(text, *others, valid=True, flags=()):
    return NetworkDraft(text, STATES, flags, valid, tuple(Prose(other, (), False) for other in others))


def stored(*arguments):
    text, flags = final_text(*arguments)
    return text.string, flags


def test_all_steps_come_together_with_their_flags():
    said = "There is a 12 mm nodule. The effusion has increased since the prior study. No edema. The heart is normal."
    made = draft(said, flags=("hit_max_length",))
    text, flags = stored(made, table("edema"), [])
    assert text == "Edema is seen. The heart is normal."
    assert flags == (
        "hit_max_length", "measurement_removed", "comparison_removed", "sentence_removed", "finding_named",
    )  # fmt: skip


def test_a_draft_that_is_not_usable_or_of_which_nothing_is_left_gives_no_text():
    assert stored(draft("Clear.", valid=False), table("edema"), ["There is edema."]) == ("", ())
    assert stored(draft("There is a 3 cm mass."), table(), []) == ("", ())


SAID = "There is a small effusion. The effusion has increased since the prior study. The heart is normal."
EFFUSION, HEART = "pleural effusion", "cardiomegaly"


@pytest.mark.parametrize(
    ("said", "changes", "text"),
    [
        (SAID, {EFFUSION: Change.WORSENED}, SAID),
        (SAID, {EFFUSION: Change.IMPROVED}, "There is a small effusion. The heart is normal."),
        ("Moderate left pleural effusion, increased since the prior study. The heart is normal.",  # it alone names the finding
         {EFFUSION: Change.IMPROVED}, "Moderate left pleural effusion. The heart is normal."),
    ],
)  # fmt: skip
def test_a_decoder_that_has_read_the_prior_may_compare_where_the_table_bears_it_out(said, changes, text):
    flags = () if text == said else ("comparison_removed",)
    assert stored(replace(draft(said), compared=True), table(EFFUSION), [], changes) == (text, flags)


def test_a_comparison_goes_with_the_sentence_that_it_spoke_of():
    said = "The heart is enlarged. There is a large effusion. This is new since the prior study. No pneumothorax."
    changes = {HEART: Change.UNCHANGED, EFFUSION: Change.NEW}
    text, _ = stored(replace(draft(said), compared=True), table(HEART), [], changes)
    assert text == "The heart is enlarged. No pneumothorax."


@pytest.mark.parametrize(
    ("said", "text", "flag"),
    [
        (SAID, "There is a small effusion. Effusion. The heart is normal.", "comparison_removed"),
        ("The heart is enlarged, unchanged since the prior study. Effusion.", "Heart is enlarged. Effusion.",
         "comparison_removed"),
        ("1. Unchanged.", "Unchanged.", "comparison_invented"),  # nothing else is left
        ("New left effusion. Stable cardiomegaly.", "Left effusion. Cardiomegaly.", "comparison_removed"),
    ],
)  # fmt: skip
def test_a_decoder_that_has_not_read_the_prior_may_not_whatever_became_of_the_findings(said, text, flag):
    states = {**table(), **{finding: state for finding, state in label(text).items() if finding in (EFFUSION, HEART)}}
    changes = {EFFUSION: Change.WORSENED, HEART: Change.UNCHANGED}
    assert stored(draft(said), states, [], changes) == (text, (flag,))


def test_of_a_compared_study_the_likeliest_text_stands_for_others_know_nothing_of_its_course():
    both = draft("Small left effusion.", "Small right effusion.")
    references = ["Small right effusion."] * 3
    assert stored(both, table("pleural effusion"), references)[0] == "Small right effusion."
    assert stored(replace(both, compared=True), table("pleural effusion"), references)[0] == "Small left effusion."


# -- which of the beams -----------------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["heart", "lungs", "clear", "no", "effusion", "."]), min_size=1, max_size=8).map(
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
@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), st.lists(WORDS, max_size=4))
def test_the_choice_is_one_of_the_beams_and_the_order_of_references_does_not_matter(said, references):
    chosen = choose(beams(*said), references)
    assert chosen.text in said
    assert references or chosen.text == said[0]
    assert choose(beams(*said), references[::-1]) == chosen or len(said) > 1
