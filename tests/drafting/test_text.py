"""The text that is stored: chosen among the beams, freed of what the network cannot know, true to the table."""

from dataclasses import replace

import pytest

from cxrreport.drafting.text import _disagreement, word
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.model.drafter import NetworkDraft, StudyStates
from cxrreport.model.prose import Prose

STATES = StudyStates((), (), (), True)


def table(*positive):
    return {finding: State.POSITIVE if finding in positive else State.BLANK for finding in FINDINGS}


def draft(text, *others, valid=True, flags=()):
    return NetworkDraft(text, STATES, flags, valid, tuple(Prose(other, (), False) for other in others))


def test_all_steps_come_together_with_their_flags():
    said = "There is a 12 mm nodule. The effusion has increased since the prior study. No edema. The heart is normal."
    made = draft(said, flags=("hit_max_length",))
    text, flags = word(made, table("edema"), [])
    assert text == "Edema is seen. The heart is normal."
    assert flags == (
        "hit_max_length", "measurement_removed", "comparison_removed", "sentence_removed", "finding_named",
    )  # fmt: skip


def test_what_the_decoder_compares_is_invented_for_it_reads_no_prior():
    said = "The heart is enlarged, unchanged since the prior study."
    text, flags = word(draft(said), table("cardiomegaly"), [])
    assert "enlarged" in text and "unchanged" not in text and flags == ("comparison_removed",)


def test_a_draft_that_is_not_usable_or_of_which_nothing_is_left_gives_no_text():
    assert word(draft("Clear.", valid=False), table("edema"), ["There is edema."]) == ("", ())
    assert word(draft("There is a 3 cm mass."), table(), []) == ("", ())


def test_the_beam_most_like_the_references_is_worked_on():
    text, _ = word(draft("Sternotomy.", "The lungs are clear."), table(), ["The lungs are clear."])
    assert text == "The lungs are clear."


@pytest.mark.parametrize(
    ("text", "positive", "differs"),
    [
        ("Mild cardiomegaly. No effusion.", {"cardiomegaly"}, False),
        ("The heart is normal.", {"cardiomegaly"}, True),  # the table says more
        ("Mild cardiomegaly. Large pleural effusion.", {"cardiomegaly"}, True),  # the text says more
        ("Right basilar atelectasis.", {"atelectasis"}, False),  # what a finding implies may be said or not
        ("Right basilar opacity from atelectasis.", {"atelectasis"}, False),
        ("No acute abnormality.", set(), False),
    ],
)
def test_text_and_table_that_disagree_are_flagged(text, positive, differs):
    assert _disagreement(text, table(*positive)) == (("text_differs",) if differs else ())


SAID = "There is a small effusion. The effusion has increased since the prior study. The heart is normal."


def test_a_decoder_that_has_read_the_prior_may_compare_where_the_table_bears_it_out():
    made = replace(draft(SAID), compared=True)
    changed = {"pleural effusion": Change.WORSENED}
    assert word(made, table("pleural effusion"), [], changed) == (SAID, ())
    text, flags = word(made, table("pleural effusion"), [], {"pleural effusion": Change.IMPROVED})
    assert text == "There is a small effusion. The heart is normal."
    assert flags == ("comparison_removed",)


def test_what_became_of_a_finding_bears_out_no_words_of_a_decoder_that_has_not_read_the_prior():
    text, flags = word(draft(SAID), table("pleural effusion"), [], {"pleural effusion": Change.WORSENED})
    assert "prior" not in text and flags == ("comparison_removed",)


def test_a_list_of_which_nothing_but_comparison_is_left_stays_with_a_flag():
    assert word(draft("1. Unchanged."), table(), []) == ("Unchanged.", ("comparison_invented",))


def test_a_text_without_a_prior_is_freed_of_comparison_as_a_whole():
    text, _ = word(
        draft("The heart is normal. New left effusion. Stable cardiomegaly."),
        table("cardiomegaly", "pleural effusion"),
        [],
    )
    assert "table" not in text and "New" not in text and "ardiomegaly" in text and "effusion" in text


def test_a_comparison_that_alone_names_a_finding_keeps_the_finding():
    said = "Moderate left pleural effusion, increased since the prior study. The heart is normal."
    text, flags = word(
        replace(draft(said), compared=True), table("pleural effusion"), [], {"pleural effusion": Change.IMPROVED}
    )
    assert text == "Moderate left pleural effusion. The heart is normal." and flags == ("comparison_removed",)


def test_a_comparison_goes_with_the_sentence_that_it_spoke_of():
    said = "The heart is enlarged. There is a large effusion. This is new since the prior study. No pneumothorax."
    changes = {"cardiomegaly": Change.UNCHANGED, "pleural effusion": Change.NEW}
    text, _ = word(replace(draft(said), compared=True), table("cardiomegaly"), [], changes)
    assert text == "The heart is enlarged. No pneumothorax."


def test_of_a_compared_study_the_likeliest_text_stands_for_others_know_nothing_of_its_course():
    both = draft("Small left effusion.", "Small right effusion.")
    lent = ["Small right effusion."] * 3
    assert word(both, table("pleural effusion"), lent)[0] == "Small right effusion."
    assert word(replace(both, compared=True), table("pleural effusion"), lent)[0] == "Small left effusion."
