"""The text of a draft follows its table; what is borrowed is flagged, plain, and of no side."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.codes import Flag
from cxrreport.drafting import consistency
from cxrreport.drafting.consistency import follow_table, positives, wrong_sides
from cxrreport.drafts import Region
from cxrreport.findings import FINDINGS, State
from cxrreport.reports.claims import read
from cxrreport.reports.labels import label, with_parents

NORMAL = "Heart size is normal. No pleural effusion or pneumothorax."


def table(**states):
    named = {name.replace("_", " "): State(state) for name, state in states.items()}
    return {finding: named.get(finding, State.BLANK) for finding in FINDINGS}


def follow(said, states, references):
    text, flags = follow_table(read(said), states, references)
    return text.string, flags


@pytest.mark.parametrize(
    ("said", "states", "references", "text", "flags"),
    [
        ("There is cardiomegaly. No pneumothorax.", {"cardiomegaly": "positive", "pneumothorax": "negative"},
         ["Large effusion."], "There is cardiomegaly. No pneumothorax.", ()),  # word for word
        (f"There is edema. {NORMAL}", {}, [], NORMAL, (Flag.SENTENCE_REMOVED,)),
        (NORMAL, {"pleural_effusion": "positive"}, ["Lungs are clear.", "There is a small pleural effusion. Clear heart."],
         "There is a small pleural effusion. Heart size is normal.", (Flag.SENTENCE_REMOVED, Flag.SENTENCE_BORROWED)),
        ("Clear.", {"pneumonia": "positive", "consolidation": "positive", "lung_opacity": "positive"}, [],  # implied ones
         "Pneumonia is seen. Clear.", (Flag.FINDING_NAMED,)),
        ("Clear.", {"cardiomegaly": "positive", "edema": "positive"},  # one sentence may say two, the nearest is asked first
         ["There is cardiomegaly with edema.", "Cardiomegaly is seen.", "Edema is seen."],
         "There is cardiomegaly with edema. Clear.", (Flag.SENTENCE_BORROWED,)),
        ("There is edema.", {}, [], "There is edema.", ()),  # nothing would be left
    ],
)  # fmt: skip
def test_the_text_follows_the_table(said, states, references, text, flags):
    assert follow(said, table(**states), references) == (text, flags)


@pytest.mark.parametrize(
    "reference",
    [
        "Small left pleural effusion.",  # another patient's side
        "Pleural effusion with edema.",  # a finding that the table lacks
        "Pleural effusion of 3 cm.",
        "Effusion has increased since the prior study.",
        "There is " + "a " * 20 + "pleural effusion.",
    ],
)
def test_nothing_of_another_patient_is_borrowed(reference):
    text, flags = follow("Heart size is normal.", table(pleural_effusion="positive"), [reference])
    assert (text, flags) == ("Pleural effusion is seen. Heart size is normal.", (Flag.FINDING_NAMED,))


@pytest.mark.parametrize("finding", [finding for finding in FINDINGS if finding != "no finding"])
def test_a_finding_of_which_no_reference_tells_is_named_in_plain_words(finding):
    states = {**table(), finding: State.POSITIVE}
    text, flags = follow("Midline trachea.", states, ["The lungs are clear."])
    assert flags == (Flag.FINDING_NAMED,) and text.endswith(" seen. Midline trachea.")
    assert positives(label(text)) == {finding}


@pytest.mark.parametrize(
    ("sentence", "finding", "stays"),
    [
        ("No acute cardiopulmonary abnormality.", "pneumothorax", False),
        ("No evidence of acute disease.", "edema", False),
        ("Negative for acute or active process.", "pneumonia", False),
        ("No acute cardiopulmonary abnormality.", "cardiomegaly", True),  # it need not be acute
        ("No acute bony abnormality.", "pneumothorax", True),  # of something else
        ("Normal chest.", "cardiomegaly", False),
        ("The chest is unremarkable.", "fracture", False),
        ("Normal chest radiograph.", "support devices", True),
        ("The mediastinum is unremarkable.", "pleural effusion", True),
    ],
)
def test_a_text_does_not_call_normal_what_the_table_does_not(sentence, finding, stays):
    text, flags = follow(f"{sentence} Midline trachea.", {**table(), finding: State.POSITIVE}, [])
    assert (
        (sentence in text, Flag.SENTENCE_REMOVED in flags) == (stays, not stays)
        and "seen." in text
        and "trachea" in text
    )


SENTENCES = [
    "There is edema.",
    "Heart is enlarged.",
    "No pleural effusion.",
    "Pleural effusion is present.",
    "No pneumothorax.",
    "The lungs are clear.",
    "There is atelectasis.",
]


@given(
    said=st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4, unique=True),
    positive=st.sets(st.sampled_from(["edema", "cardiomegaly", "pleural effusion", "atelectasis"])),
    references=st.lists(st.sampled_from(SENTENCES), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_the_mended_text_says_what_the_table_says_no_more_and_no_less(said, positive, references):
    states = {finding: State.POSITIVE if finding in positive else State.BLANK for finding in FINDINGS}
    text, flags = follow(" ".join(said), states, references)
    asserted = positives(with_parents(label(text)))
    if flags or positive:
        assert positive <= asserted <= positives(with_parents(states))
    assert follow(text, states, references)[0] == text  # mending twice changes nothing more


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
def test_text_and_table_that_disagree_are_told(text, positive, differs):
    states = {**table(), **dict.fromkeys(positive, State.POSITIVE)}
    assert consistency.differs(read(text), states) == differs


WIDTH = 1000


def box(x, w=100, kind="change", finding="pleural effusion"):
    return Region(kind, x, 500, w, 100, 0.9, finding)


@pytest.mark.parametrize(
    ("side", "regions", "wrong"),
    [
        ("left", [box(100)], True),  # the left half of the image is the right side of the patient
        ("right", [box(100)], False),
        ("right", [box(800)], True),
        ("left", [box(100), box(800)], False),
        ("left", [box(460)], False),  # in the middle
        ("left", [box(100, kind="evidence")], False),
        ("left", [box(100, finding="atelectasis")], False),
        ("left", [], False),
        ("bilateral", [box(100)], False),
    ],
)
def test_a_text_that_names_the_other_side_is_found(side, regions, wrong):
    found = wrong_sides(read(f"There is a {side} pleural effusion."), regions, WIDTH)
    assert found == (("pleural effusion",) if wrong else ())
