"""The draft's sentences against the prior's report: what counts is what is said of the findings."""

import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.export.report_diff import compare_sentences, compare_with_prior
from cxrreport.records import DraftStatus, Provenance
from cxrreport.reports.sentences import sentences
from cxrreport.store.views import DraftFacts, DraftView, PriorReport, StudyFacts

SENTENCES = [
    "Small left pleural effusion.",
    "Large pleural effusion.",
    "No pleural effusion.",
    "Cardiomegaly with mild pulmonary edema.",
    "The heart is enlarged.",
    "Possible pneumonia.",
    "The trachea is midline.",
    "Lungs are clear.",
    "Tip of the tube is unchanged.",
]
TEXTS = st.lists(st.sampled_from(SENTENCES), max_size=6).map(" ".join)


def compared(draft, prior):
    return [(one.kind, one.text) for one in compare_sentences(draft, prior)]


def test_what_is_said_otherwise_is_kept():
    prior = "There is a pleural effusion on the left. Heart size is increased: cardiomegaly."
    assert compared("Cardiomegaly. Left effusion.", prior) == [("kept", "Cardiomegaly."), ("kept", "Left effusion.")]


def test_facts_of_one_sentence_may_stand_in_two():
    draft, prior = "Cardiomegaly and pleural effusion.", "Cardiomegaly. Pleural effusion."
    assert compared(draft, prior) == [("kept", draft)] and {kind for kind, _ in compared(prior, draft)} == {"kept"}


def test_a_new_finding_is_added_and_a_missing_one_dropped():
    assert compared("Pulmonary edema. No pneumothorax.", "Left effusion. No pneumothorax.") == [
        ("added", "Pulmonary edema."),
        ("kept", "No pneumothorax."),
        ("dropped", "Left effusion."),
    ]


@pytest.mark.parametrize("draft", ["No pleural effusion.", "Possible pleural effusion."])
def test_the_same_finding_in_another_state_is_another_sentence(draft):
    assert compared(draft, "Pleural effusion.") == [("added", draft), ("dropped", "Pleural effusion.")]


def test_a_sentence_that_says_more_than_the_prior_is_added():
    assert compared("Cardiomegaly with effusion.", "Cardiomegaly.") == [("added", "Cardiomegaly with effusion.")]


@pytest.mark.parametrize(
    ("prior", "draft", "before", "after"),
    [
        ("Small left effusion.", "Large left effusion.", "small", "large"),
        ("The effusion is MODERATE in size.", "Trace effusion.", "moderate", "trace"),
        ("Mild cardiomegaly. Effusion.", "Severe cardiomegaly and effusion.", "mild", "severe"),
        ("Heart is enlarged, moderate in degree.", "Severe enlargement of the heart.", "moderate", "severe"),
        ("Cardiomegaly, tiny effusion.", "Cardiomegaly and a moderate-sized effusion.", "tiny", "moderate-sized"),
    ],
)
def test_another_word_of_severity(prior, draft, before, after):
    (one,) = compare_sentences(draft, prior)
    assert (one.kind, one.before, one.after, one.finding is not None) == ("severity", before, after, True)


@pytest.mark.parametrize(
    ("prior", "draft"),
    [
        ("Small effusion.", "Mild effusion."),
        ("Effusion.", "Large effusion."),
        ("Severe cardiomegaly.", "Cardiomegaly, small effusion."),
        ("Large effusion.", "Effusion."),
        ("Small effusion. Large effusion.", "Large effusion."),
        ("No large effusion.", "No small effusion."),
        ("Small effusion.", "Markedly improved small effusion."),
        ("Small effusion.", "Large-bore catheter beside a small effusion."),
    ],
)
def test_no_change_of_severity(prior, draft):
    assert "severity" not in {kind for kind, _ in compared(draft, prior)}


def test_severity_belongs_to_the_finding_that_it_stands_with():
    (one,) = compare_sentences("Mild edema and large effusion.", "Mild edema and small effusion.")
    assert (one.finding, one.before, one.after) == ("pleural effusion", "small", "large")


def test_words_decide_where_no_finding_is_named():
    assert compared("the trachea is  midline", "The trachea is midline.") == [("kept", "the trachea is  midline")]
    assert compared("The trachea is midline.", "The trachea is deviated.") == [
        ("added", "The trachea is midline."),
        ("dropped", "The trachea is deviated."),
    ]


def test_what_the_prior_says_twice_is_dropped_once():
    prior = "Left effusion. No pneumothorax.\n\nLeft effusion."
    assert compared("No pneumothorax.", prior) == [("kept", "No pneumothorax."), ("dropped", "Left effusion.")]


@pytest.mark.parametrize(("draft", "prior"), [("", ""), (" \n", "."), ("", "")])
def test_nothing_against_nothing(draft, prior):
    assert compared(draft, prior) == []


@given(TEXTS)
@settings(max_examples=50, deadline=None)
def test_a_text_differs_in_nothing_from_itself(text):
    assert {kind for kind, _ in compared(text, text)} <= {"kept"}


@given(TEXTS, TEXTS)
@settings(max_examples=100, deadline=None)
def test_every_sentence_of_the_draft_appears_once_in_order(draft, prior):
    found = compare_sentences(draft, prior)
    own = [one for one in found if one.kind != "dropped"]
    assert [(one.start, one.end) for one in own] == sentences(draft)
    assert all(draft[one.start : one.end] == one.text for one in own)
    for one in found[len(own) :]:
        assert one.kind == "dropped" and one.start is one.end is None and one.text in prior
    assert all((one.before != one.after and one.before and one.after) for one in found if one.kind == "severity")


@given(TEXTS, TEXTS)
@settings(max_examples=50, deadline=None)
def test_nothing_is_added_to_a_prior_that_says_it_all(draft, prior):
    assert "added" not in {kind for kind, _ in compared(draft, f"{prior} {draft}")}


# -- texts of the database --------------------------------------------------------------------------------------------

STUDY = StudyFacts(1, "1.2", "A1", None, False, "")
DRAFT = DraftFacts(
    draft_id=1,
    status=DraftStatus.PRELIMINARY,
    run_id=1,
    created_at=datetime(2024, 1, 1, tzinfo=UTC),
    prior_reason="",
    findings="Left effusion. No pneumothorax.",
    impression="",
    comparison="",
    flags=(),
    provenance=Provenance("w", 1, "", "i"),
    finding_rows=(),
    spans=(),
    regions=(),
    references=(),
)
VIEW = DraftView(STUDY, STUDY, None, DRAFT, None)


def compared_view(findings, impression=""):
    view = dataclasses.replace(VIEW, prior_report=PriorReport("report", None, findings, impression))
    return [(one.kind, one.text) for one in compare_with_prior(view)]


def test_findings_and_impression_of_the_prior_both_count():
    assert compared_view("No pneumothorax.", "Left effusion.") == [
        ("kept", "Left effusion."),
        ("kept", "No pneumothorax."),
    ]
    assert compared_view("", "Left effusion.") == [("kept", "Left effusion."), ("added", "No pneumothorax.")]


def test_a_finding_of_the_impression_is_missed_but_not_its_phrases():
    found = compared_view("Left effusion. No pneumothorax.", "1. Edema. 2. Nothing acute.")
    assert found[2:] == [("dropped", "Edema.")]
    assert compared_view("", "Nothing acute.")[2:] == [("dropped", "Nothing acute.")]


@pytest.mark.parametrize(
    "view",
    [
        VIEW,
        dataclasses.replace(VIEW, prior_report=PriorReport("draft", None, " ", "\n")),
        dataclasses.replace(VIEW, draft=None, prior_report=PriorReport("report", None, "Edema.", "")),
    ],
)
def test_without_two_texts_there_is_nothing_to_compare(view):
    assert compare_with_prior(view) == ()
