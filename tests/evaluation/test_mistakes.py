import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.evaluation.mistakes import judge, tell
from cxrreport.findings import FINDINGS, OTHER, PARENTS, Tier, tier
from cxrreport.reports.claims import read


def _judge(draft, reference):
    return judge(tell(read(draft)), tell(read(reference)))


def _errors(draft, reference):
    return sum(one.changes_what_is_done for one in _judge(draft, reference))


@pytest.mark.parametrize(
    ("draft", "reference", "verdict", "dimension", "urgency", "counts"),
    [
        ("There is a pleural effusion.", "Pleural effusion is seen.", "correct", "", Tier.URGENT, False),
        ("The lungs are clear.", "There is a pneumothorax.", "missed", "state", Tier.CRITICAL, True),
        ("No pneumothorax.", "There is a pneumothorax.", "wrong", "state", Tier.CRITICAL, True),
        ("There is a pneumothorax.", "No pneumothorax.", "wrong", "state", Tier.CRITICAL, True),
        ("There is a pneumothorax.", "The lungs are clear.", "invented", "state", Tier.CRITICAL, True),
        ("Possible pneumonia.", "The lungs are clear.", "invented", "certainty", Tier.URGENT, True),
        ("Possible pneumonia.", "No pneumonia.", "wrong", "certainty", Tier.URGENT, True),
        ("Possible pneumonia.", "There is pneumonia.", "partial", "certainty", Tier.URGENT, False),
        ("There is a left pleural effusion.", "Right pleural effusion.", "wrong", "side", Tier.URGENT, True),
        ("There is a pleural effusion.", "Right pleural effusion.", "partial", "side", Tier.URGENT, False),
        ("There is a right pleural effusion.", "Pleural effusion is seen.", "correct", "", Tier.URGENT, False),
        ("Small pleural effusion.", "Large pleural effusion.", "wrong", "severity", Tier.URGENT, True),
        ("Moderate pleural effusion.", "Large pleural effusion.", "partial", "severity", Tier.URGENT, False),
        ("Pleural effusion is seen.", "Large pleural effusion.", "partial", "severity", Tier.URGENT, False),
        ("The edema has improved.", "The edema has worsened.", "wrong", "change", Tier.URGENT, True),
        ("There is edema.", "The edema has worsened.", "partial", "change", Tier.URGENT, False),
        ("There is a lung opacity.", "There is pneumonia.", "partial", "name", Tier.URGENT, False),
        ("There is pneumonia.", "There is a lung opacity.", "partial", "name", Tier.NOTABLE, False),
        ("Clear lungs.", "Cardiomegaly is seen.", "missed", "state", Tier.NOTABLE, True),
        ("Clear lungs.", "Mild cardiomegaly is seen.", "missed", "state", Tier.ROUTINE, False),
        ("Clear lungs.", "There is free air below the diaphragm.", "missed", "state", Tier.CRITICAL, True),
        ("Clear lungs.", "There is scoliosis.", "missed", "state", Tier.ROUTINE, False),
    ],
)
def test_a_finding_of_a_draft_beside_the_reference(draft, reference, verdict, dimension, urgency, counts):
    (found,) = _judge(draft, reference)
    assert (found.verdict, found.dimension, found.tier) == (verdict, dimension, urgency)
    assert found.changes_what_is_done is counts


def test_a_denial_that_nobody_asked_for_is_no_error():
    assert _judge("No pneumothorax. No pleural effusion.", "The heart is normal in size.") == []


def test_of_several_findings_that_imply_the_one_of_the_reference_one_tells_it():
    found = _judge("There is pneumonia. There is atelectasis.", "There is a lung opacity.")
    assert sorted((one.finding, str(one.verdict)) for one in found) == [
        ("lung opacity", "partial"),
        ("pneumonia", "invented"),
    ]


def test_an_opacity_that_the_reference_explains_is_what_explains_it():
    reference = "There is a lung opacity. It may be atelectasis."
    for draft in ("The lungs are clear.", "No lung opacity."):
        (missed,) = _judge(draft, reference)
        assert (missed.finding, missed.verdict, missed.tier) == ("atelectasis", "missed", Tier.ROUTINE)
    (partial,) = _judge("There is a lung opacity.", reference)
    assert (partial.finding, partial.verdict, partial.dimension) == ("atelectasis", "partial", "name")


def test_what_the_reference_denies_is_wrong_whatever_it_implies():
    (opacity, pneumonia) = _judge("There is pneumonia.", "There is a lung opacity. No pneumonia.")
    assert (opacity.verdict, pneumonia.verdict) == ("missed", "wrong")


def test_severity_moves_a_finding_one_step():
    assert [tier("pleural effusion", severity) for severity in (None, 0, 1, 2, 3)] == [1, 2, 2, 1, 1]
    assert [tier("lung opacity", severity) for severity in (None, 1, 3)] == [2, 3, 1]
    assert tier("pneumothorax", 3) is Tier.CRITICAL and tier("pneumothorax", 0) is Tier.URGENT
    assert tier(OTHER, None, "free air") is Tier.CRITICAL and tier(OTHER, 1, "granuloma") is Tier.ROUTINE


NAMES = (
    "pneumothorax",
    "edema",
    "consolidation",
    "pneumonia",
    "atelectasis",
    "cardiomegaly",
    "fracture",
    "lung opacity",
)
PATTERNS = (
    "There is {}.",
    "There is no {}.",
    "Possible {}.",
    "There is left {}.",
    "There is mild {}.",
    "The {} has worsened.",
)
sentences = st.lists(st.builds(str.format, st.sampled_from(PATTERNS), st.sampled_from(NAMES)), max_size=6)


@given(sentences)
def test_a_text_has_no_error_beside_itself(said):
    text = " ".join(said)
    assert {str(one.verdict) for one in _judge(text, text)} <= {"correct"}


@given(sentences, sentences, st.sampled_from(NAMES), st.sampled_from(("There is {}.", "Possible {}.")))
def test_a_wrong_claim_never_lowers_the_errors(draft, reference, finding, pattern):
    """Wrong: the reference tells neither the finding nor one that is akin to it."""
    told = {key[0] for key, one in tell(read(" ".join(reference))).items() if one.there}
    akin = {finding, *PARENTS.get(finding, ()), *(f for f in FINDINGS if finding in PARENTS.get(f, ()))}
    if told & akin:
        return
    more = [*draft, pattern.format(finding)]
    assert _errors(" ".join(more), " ".join(reference)) >= _errors(" ".join(draft), " ".join(reference))


@given(sentences)
def test_silence_misses_what_is_there_and_nothing_else(said):
    text = " ".join(said)
    there = {key[0] for key, one in tell(read(text)).items() if one.there}
    explained = {parent for finding in there for parent in PARENTS.get(finding, ())}
    missed = _judge("", text)
    assert {one.finding for one in missed} == there - explained
    assert {str(one.verdict) for one in missed} <= {"missed"} and _judge("", "") == []
