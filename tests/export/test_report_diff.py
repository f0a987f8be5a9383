"""The draft's sentences against the prior's report: what counts is what is said of the findings."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafts import DraftStatus, Provenance
from cxrreport.export.report_diff import compare_with_prior
from cxrreport.reports.sentences import sentences
from cxrreport.store.views import DraftFacts, DraftView, PatientFacts, PriorReport, StudyFacts

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
TEXTS = st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6).map(" ".join)


PATIENT = PatientFacts(1, "", "P1", None, "")
STUDY = StudyFacts(1, "1.2", "A1", None, False, "", "", None)
DRAFT = DraftFacts(
    1, DraftStatus.PRELIMINARY, 1, datetime(2024, 1, 1, tzinfo=UTC), "", "Left effusion. No pneumothorax.", "", "",
    None, None, None, (),
    Provenance("w", 1, "", "i"), (), (), (), (),
)  # fmt: skip
VIEW = DraftView(PATIENT, STUDY, STUDY, None, DRAFT, None)


def changes(draft, prior, impression=""):
    """Changes of a draft's findings against the findings and the impression of the prior."""
    report = PriorReport("report", None, prior, impression)
    return compare_with_prior(replace(VIEW, draft=replace(DRAFT, findings=draft), prior_report=report))


def compared(*texts):
    return [(one.kind, one.text) for one in changes(*texts)]


KEPT, ADDED, DROPPED = "kept", "added", "dropped"


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        ("There is a pleural effusion on the left. Heart size is increased: cardiomegaly.",  # said otherwise
         [(KEPT, "Cardiomegaly."), (KEPT, "Left effusion.")]),
        ("Cardiomegaly. Pleural effusion.", [(KEPT, "Cardiomegaly and pleural effusion.")]),  # two facts of one sentence
        ("Cardiomegaly and pleural effusion.", [(KEPT, "Cardiomegaly."), (KEPT, "Pleural effusion.")]),
        ("Left effusion. No pneumothorax.",
         [(ADDED, "Pulmonary edema."), (KEPT, "No pneumothorax."), (DROPPED, "Left effusion.")]),
        ("Pleural effusion.", [(ADDED, "No pleural effusion."), (DROPPED, "Pleural effusion.")]),
        ("Pleural effusion.", [(ADDED, "Possible pleural effusion."), (DROPPED, "Pleural effusion.")]),
        ("Cardiomegaly.", [(ADDED, "Cardiomegaly with effusion.")]),  # it says more
        ("Moderate edema. Effusion.", [(ADDED, "The edema has worsened."), (KEPT, "The effusion is unchanged.")]),
        ("The edema has worsened.", [(ADDED, "The edema has worsened.")]),  # since the prior's own prior
        ("The trachea is midline.", [(KEPT, "the trachea is  midline")]),  # words decide where no finding is named
        ("The trachea is deviated.", [(ADDED, "The trachea is midline."), (DROPPED, "The trachea is deviated.")]),
        ("Left effusion. No pneumothorax.\n\nLeft effusion.",  # twice
         [(KEPT, "No pneumothorax."), (DROPPED, "Left effusion.")]),
    ],
)  # fmt: skip
def test_what_is_kept_added_and_dropped(prior, expected):
    draft = " ".join(text for kind, text in expected if kind != DROPPED)
    assert compared(draft, prior) == expected


@pytest.mark.parametrize(
    ("prior", "draft", "before", "after"),
    [
        ("Small left effusion.", "Large left effusion.", "small", "large"),
        ("The effusion is MODERATE in size.", "Trace effusion.", "moderate", "trace"),
        ("Mild cardiomegaly. Effusion.", "Severe cardiomegaly and effusion.", "mild", "severe"),
        ("Heart is enlarged, moderate in degree.", "Severe enlargement of the heart.", "moderate", "severe"),
        ("Cardiomegaly, tiny effusion.", "Cardiomegaly and a moderate-sized effusion.", "tiny", "moderate-sized"),
        ("Mild edema and small effusion.", "Mild edema and large effusion.", "small", "large"),
    ],
)
def test_another_word_of_severity(prior, draft, before, after):
    (one,) = changes(draft, prior)
    finding = "pleural effusion" if "ffusion" in draft and before != "mild" else "cardiomegaly"
    assert (one.kind, one.before, one.after, one.finding) == ("severity", before, after, finding)


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


@given(TEXTS)
@settings(max_examples=50, deadline=None)
def test_a_text_differs_in_nothing_from_itself(text):
    assert {kind for kind, _ in compared(text, text)} <= {"kept"}


@given(TEXTS, TEXTS)
@settings(max_examples=100, deadline=None)
def test_every_sentence_of_the_draft_appears_once_in_order(draft, prior):
    found = changes(draft, prior)
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


def test_findings_and_impression_of_the_prior_both_count():
    assert compared(DRAFT.findings, "No pneumothorax.", "Left effusion.") == [
        ("kept", "Left effusion."),
        ("kept", "No pneumothorax."),
    ]
    assert compared(DRAFT.findings, "", "Left effusion.") == [("kept", "Left effusion."), ("added", "No pneumothorax.")]


def test_a_finding_of_the_impression_is_missed_but_not_its_phrases():
    found = compared(DRAFT.findings, "Left effusion. No pneumothorax.", "1. Edema. 2. Nothing acute.")
    assert found[2:] == [("dropped", "Edema.")]
    assert compared(DRAFT.findings, "", "Nothing acute.")[2:] == [("dropped", "Nothing acute.")]


@pytest.mark.parametrize(
    "view",
    [
        VIEW,
        replace(VIEW, prior_report=PriorReport("draft", None, " .", "\n")),
        replace(VIEW, draft=None, prior_report=PriorReport("report", None, "Edema.", "")),
    ],
)
def test_without_two_texts_there_is_nothing_to_compare(view):
    assert compare_with_prior(view) == ()
