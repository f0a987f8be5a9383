"""A reader's verdict stands beside the draft, and the newest one holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from builders.store import begin_run, save_draft, scan_study
from sqlalchemy import Engine, func, select, update

from cxrreport.drafts import DraftStatus, Review, ReviewStatus
from cxrreport.errors import InputError
from cxrreport.store.engine import session
from cxrreport.store.outcomes import ReviewRow
from cxrreport.store.reviews import add_review, check_study, draft_to_review
from cxrreport.store.schema import AuditRow, DraftRow
from cxrreport.store.views import draft_view

THEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
EDITED = Review(ReviewStatus.EDITED, "Dr. Ö", THEN, "No effusion.", "It was a fold.")
REJECTED = Review(ReviewStatus.REJECTED, "Dr. Ö", THEN + timedelta(hours=1))


@pytest.fixture
def draft(engine: Engine) -> int:
    """The draft of study 1."""
    study_id = scan_study(engine).id
    save_draft(engine, begin_run(engine), study_id)
    return study_id


def judge(engine: Engine, draft_id: int, *given: Review, timed: bool = True) -> list[bool]:
    with session(engine) as s:
        return [add_review(s, draft_id, one, timed=timed) for one in given]


def test_the_draft_stays_as_it_was_made_and_shows_the_verdict(engine: Engine, draft: int) -> None:
    with session(engine, read_only=True) as s:
        before = draft_view(s, "1").draft
    assert judge(engine, draft, EDITED) == [True]
    with session(engine, read_only=True) as s:
        after = draft_view(s, "1").draft
        (entry,) = s.scalars(select(AuditRow).where(AuditRow.action == "review"))
    assert before and after and after.review == EDITED and after.status is DraftStatus.REVIEWED
    assert (after.findings, after.created_at, after.run_id) == (before.findings, before.created_at, before.run_id)
    assert (entry.actor, entry.subject, entry.detail) == ("Dr. Ö", f"draft {draft}", {"status": "edited"})


def test_the_newest_verdict_holds_in_whatever_order_they_come(engine: Engine, draft: int) -> None:
    judge(engine, draft, REJECTED, EDITED)
    with session(engine, read_only=True) as s:
        view = draft_view(s, "1").draft
        assert view and view.review == REJECTED and view.status is DraftStatus.REJECTED
    judge(engine, draft, Review(ReviewStatus.ACCEPTED, "another", THEN + timedelta(days=1)))
    with session(engine, read_only=True) as s:
        view = draft_view(s, "1").draft
        assert view and view.status is DraftStatus.REVIEWED
        assert s.scalar(select(func.count()).select_from(ReviewRow)) == 3


def test_a_verdict_that_is_given_now_holds_whatever_clock_the_one_before_had(engine: Engine, draft: int) -> None:
    now = Review(ReviewStatus.ACCEPTED, "Dr. X", REJECTED.at - timedelta(hours=1))
    judge(engine, draft, REJECTED)
    assert judge(engine, draft, now, timed=False) == [True]
    with session(engine, read_only=True) as s:
        view = draft_view(s, "1").draft
        assert (
            view and view.review and view.review.status is ReviewStatus.ACCEPTED and view.status is DraftStatus.REVIEWED
        )


def test_the_same_verdict_is_stored_once(engine: Engine, draft: int) -> None:
    assert judge(engine, draft, EDITED, EDITED) == [True, False]
    later = Review(ReviewStatus.EDITED, "Dr. Ö", THEN + timedelta(days=9), "No effusion.", "It was a fold.")
    assert judge(engine, draft, later, timed=False) == [False]  # nobody told when
    assert judge(engine, draft, later) == [True]


def test_a_verdict_on_a_draft_that_was_replaced_is_refused_unless_it_is_stored(engine: Engine, draft: int) -> None:
    judge(engine, draft, EDITED)
    save_draft(engine, begin_run(engine), 1, "other inputs")
    assert judge(engine, draft, EDITED) == [False]
    with pytest.raises(InputError) as refused:
        judge(engine, draft, REJECTED)
    assert refused.value.code == "review.outdated"


def test_a_draft_that_nobody_sees_takes_no_verdict(engine: Engine, draft: int) -> None:
    with session(engine) as s:
        s.execute(update(DraftRow).values(shadow=True))
    for code, ask in (
        ("draft.shadow", lambda s: draft_to_review(s, 1)),
        ("review.unknown", lambda s: check_study(s, draft, "1")),
        ("review.unknown", lambda s: check_study(s, 99, "1")),
    ):
        with session(engine) as s, pytest.raises(InputError) as refused:
            ask(s)
        assert refused.value.code == code


def test_a_verdict_on_the_draft_of_another_study_is_refused(engine: Engine, draft: int) -> None:
    with session(engine) as s:
        check_study(s, draft, "1")
        with pytest.raises(InputError):
            check_study(s, draft, "2")
