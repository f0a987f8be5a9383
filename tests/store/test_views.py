"""A study by any of its names; of its prior, what was signed last, else what was drafted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from builders.store import begin_run, save_draft, scan
from sqlalchemy import Engine

from cxrreport.drafts import Review, ReviewStatus
from cxrreport.errors import UsageError
from cxrreport.records import Report, ReportStatus
from cxrreport.store import reports
from cxrreport.store.engine import session
from cxrreport.store.heard import signed_findings
from cxrreport.store.reviews import add_review
from cxrreport.store.views import PriorReport, draft_view

OLD, NEW, LATER = datetime(2024, 1, 1), datetime(2024, 2, 1), datetime(2024, 3, 1)
FINAL, CORRECTED, PRELIMINARY = ReportStatus.FINAL, ReportStatus.CORRECTED, ReportStatus.PRELIMINARY


@pytest.fixture
def run_id(engine: Engine) -> int:
    """Two studies of one patient: 1 (accession A1) is the prior of 2."""
    for number in (1, 2):
        scan(engine, f"1.2.{number}", accession=f"A{number}")
    return begin_run(engine)


def sign(engine: Engine, findings: str, at: datetime | None, status: ReportStatus = ReportStatus.FINAL) -> None:
    report = Report("r.csv", findings, "A1", patient_id="P1", reported_at=at, findings=findings, status=status)
    with session(engine) as current:
        reports.add_reports(current, [(report, {})])


SIGNED = [
    ("Undated.", None, FINAL),
    ("Newer.", NEW, FINAL),
    ("Older.", OLD, FINAL),
    ("Not signed.", LATER, PRELIMINARY),
]
DRAFTED = PriorReport("draft", None, "Draft of the prior.", "")


@pytest.mark.parametrize(
    ("drafted", "signed", "expected"),
    [
        (["Draft of the prior."], SIGNED, PriorReport("report", NEW, "Newer.", "")),
        ([], [("Corrected.", NEW, CORRECTED), ("First.", NEW, FINAL)], PriorReport("report", NEW, "Corrected.", "")),
        (["Superseded.", "Draft of the prior."], SIGNED[3:], DRAFTED),
        ([], [], None),
    ],
)
def test_the_prior_tells_what_was_signed_last_else_what_was_drafted(
    engine: Engine, run_id: int, drafted: list[str], signed: list[Any], expected: PriorReport | None
) -> None:
    for findings in drafted:
        save_draft(engine, run_id, 1, findings)
    save_draft(engine, run_id, 2, "Draft.", prior=1)
    for report in signed:
        sign(engine, *report)
    with session(engine, read_only=True) as current:
        view, alone = draft_view(current, "A2"), draft_view(current, "A1")
    assert view and view.prior_report == expected
    assert alone and alone.prior_report is None  # without a prior there is nothing to compare with


def test_the_words_of_a_rejected_draft_are_told_of_no_later_study(engine: Engine, run_id: int) -> None:
    save_draft(engine, run_id, 1, "Draft of the prior.")
    save_draft(engine, run_id, 2, "Draft.", prior=1)
    verdict = Review(ReviewStatus.REJECTED, "Dr. X", datetime(2024, 1, 1, tzinfo=UTC))
    with session(engine) as current:
        drafted = draft_view(current, "A1").draft
        assert drafted
        add_review(current, drafted.draft_id, verdict)
        assert draft_view(current, "A2").prior_report is None
        taken_back = replace(verdict, status=ReviewStatus.ACCEPTED, at=datetime(2024, 1, 2, tzinfo=UTC))
        add_review(current, drafted.draft_id, taken_back)
        assert draft_view(current, "A2").prior_report == DRAFTED


@pytest.mark.parametrize(
    ("signed", "until", "expected"),
    [
        ([], None, {}),  # a draft of ours is no witness
        (SIGNED, None, {1: "Newer."}),
        (SIGNED, datetime(2024, 2, 2), {1: "Newer."}),
        (SIGNED, datetime(2024, 1, 15), {}),  # what was signed later may tell of what came later
    ],
)
def test_the_decoder_is_told_what_was_signed_of_the_prior_until_then(
    engine: Engine, run_id: int, signed: list[Any], until: datetime | None, expected: dict[int, str]
) -> None:
    save_draft(engine, run_id, 1, "Draft of the prior.")
    for report in signed:
        sign(engine, *report)
    with session(engine, read_only=True) as current:
        found = signed_findings(current, {1: until, 2: until})
    assert {study_id: one.findings for study_id, one in found.items()} == expected


def test_the_indication_is_that_of_the_headers_else_of_the_signed_report(engine: Engine, run_id: int) -> None:
    scan(engine, "1.2.3", accession="A3", indication="Fever")
    told = {"A1": ("Cough", FINAL), "A2": ("Fall", PRELIMINARY), "A3": ("Syncope", FINAL)}
    with session(engine) as current:
        for accession, (why, status) in told.items():
            report = Report(
                "r.csv", accession, accession, patient_id="P1", findings="F.", status=status, indication=why
            )
            reports.add_reports(current, [(report, {})])
    with session(engine, read_only=True) as current:
        views = [draft_view(current, accession) for accession in told]
    assert [view and view.study.indication for view in views] == ["Cough", None, "Fever"]


KEYS = {"1.2.2": 2, "A2": 2, "2": 2, " A2 ": 2}


@pytest.mark.parametrize(("key", "study_id"), KEYS.items())
def test_a_study_is_found_by_any_of_its_names(engine: Engine, run_id: int, key: str, study_id: int) -> None:
    with session(engine, read_only=True) as current:
        assert draft_view(current, key).study.study_id == study_id


@pytest.mark.parametrize("key", ["", "A", "99", "9" * 40, "²", "%", "1.2"])
def test_a_name_of_no_study_is_refused(engine: Engine, run_id: int, key: str) -> None:
    with pytest.raises(UsageError, match="No study"), session(engine, read_only=True) as current:
        draft_view(current, key)


@pytest.mark.parametrize("key", ["twice", "1"])
def test_an_ambiguous_name_is_refused_without_telling_whose(engine: Engine, run_id: int, key: str) -> None:
    for number, accession in (("3", "twice"), ("4", "twice"), ("5", "1")):  # "1" is also the id of the first study
        scan(engine, f"1.2.{number}", "P5", accession=accession)
    with pytest.raises(UsageError) as caught, session(engine, read_only=True) as current:
        draft_view(current, key)
    assert "P5" not in caught.value.message and "1.2" not in caught.value.message
