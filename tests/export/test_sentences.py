"""The draft against what was said of its prior, and the words for codes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from cxrreport.export.sentences import compare_with_prior
from cxrreport.records import DraftStatus, Provenance
from cxrreport.store.views import DraftFacts, DraftView, PriorReport, StudyFacts

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


def compared(findings: str, impression: str = "") -> list[tuple[str, str]]:
    view = dataclasses.replace(VIEW, prior_report=PriorReport("report", None, findings, impression))
    return [(one.kind, one.text) for one in compare_with_prior(view)]


def test_findings_and_impression_of_the_prior_both_count() -> None:
    assert compared("No pneumothorax.", "Left effusion.") == [("kept", "Left effusion."), ("kept", "No pneumothorax.")]
    assert compared("", "Left effusion.") == [("kept", "Left effusion."), ("added", "No pneumothorax.")]


def test_a_finding_of_the_impression_is_missed_but_not_its_phrases() -> None:
    found = compared("Left effusion. No pneumothorax.", "1. Edema. 2. Nothing acute.")
    assert found[2:] == [("dropped", "Edema.")]
    assert compared("", "Nothing acute.")[2:] == [("dropped", "Nothing acute.")]


@pytest.mark.parametrize(
    "view",
    [
        VIEW,
        dataclasses.replace(VIEW, prior_report=PriorReport("draft", None, " ", "\n")),
        dataclasses.replace(VIEW, draft=None, prior_report=PriorReport("report", None, "Edema.", "")),
    ],
)
def test_without_two_texts_there_is_nothing_to_compare(view: DraftView) -> None:
    assert compare_with_prior(view) == ()
