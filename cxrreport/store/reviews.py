"""Verdicts of readers: rows beside the draft, whose text stays as it was made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport.codes import CODES
from cxrreport.drafts import DraftStatus, Review, ReviewStatus
from cxrreport.errors import InputError
from cxrreport.store.outcomes import ReviewRow
from cxrreport.store.runs import append_audit
from cxrreport.store.schema import DraftRow, StudyRow
from cxrreport.store.standing import standing

_NEXT = timedelta(microseconds=1)
_ABSTAINED = "draft.abstained"


def newest_review(session: Session, draft_id: int) -> Review | None:
    """Return the verdict that holds of a draft, if anybody has judged it."""
    return newest_reviews(session, [draft_id]).get(draft_id)


def newest_reviews(session: Session, draft_ids: Collection[int]) -> dict[int, Review]:
    """Return the verdict that holds of each of these drafts that somebody has judged."""
    query = select(ReviewRow).where(ReviewRow.draft_id.in_(draft_ids)).order_by(ReviewRow.at, ReviewRow.id)
    return {row.draft_id: to_review(row) for row in session.scalars(query)}


def to_review(row: ReviewRow) -> Review:
    """Return a stored verdict."""
    return Review(**{name: getattr(row, name) for name in Review.__slots__})


def draft_to_review(session: Session, study_id: int) -> int:
    """Return the id of the draft of a study that a reader sees.

    Raises
    ------
    InputError : there is none, it was made in shadow, or the tool has abstained from the study.
    """
    draft = standing(session, study_id)
    if draft is None:
        hidden = standing(session, study_id, shadow=True) is not None
        raise InputError("There is no draft of the study to judge.", "draft.shadow" if hidden else "draft.none")
    if draft.abstained:
        raise InputError(CODES[_ABSTAINED].sentence, _ABSTAINED)
    return draft.id


def check_study(session: Session, draft_id: int, study_uid: str) -> None:
    """Make sure that readers can have seen a draft, and that it is of the study with this UID. Raises InputError."""
    draft = session.get(DraftRow, draft_id)
    hidden = draft is None or draft.shadow or draft.abstained
    if draft is None or hidden or session.get_one(StudyRow, draft.study_id).uid != study_uid:
        raise InputError("The verdict is on no draft of this archive, or on one of another study.", "review.unknown")


def add_review(session: Session, draft_id: int, review: Review, *, timed: bool = True) -> bool:
    """Store a verdict beside its draft and tell the audit; False where the same one is stored already.

    The newest verdict says whether the draft is reviewed or rejected; so one verdict takes another back.
    timed : the reader told the time; else it is given after all others, and one that says what the newest says is the same.

    Raises
    ------
    InputError : the draft does not stand any more.
    """
    if _is_stored(session, draft_id, review, timed):
        return False
    draft = session.get_one(DraftRow, draft_id)
    stands = standing(session, draft.study_id)
    if stands is None or stands.id != draft_id:
        raise InputError(
            "A newer draft of the study has taken the place of the one that was judged.", "review.outdated"
        )
    before = newest_review(session, draft_id)
    if before and not timed and before.at >= review.at:  # by a clock that is ahead of ours
        review = replace(review, at=before.at + _NEXT)
    session.add(ReviewRow(draft_id=draft_id, **{name: getattr(review, name) for name in Review.__slots__}))
    session.flush()
    holds = newest_review(session, draft_id)
    rejected = holds is not None and holds.status is ReviewStatus.REJECTED
    draft.status = DraftStatus.REJECTED if rejected else DraftStatus.REVIEWED
    append_audit(session, review.reviewer, "review", f"draft {draft_id}", {"status": review.status})
    return True


def _is_stored(session: Session, draft_id: int, review: Review, timed: bool) -> bool:
    if not timed:
        newest = newest_review(session, draft_id)
        return newest is not None and replace(newest, at=review.at) == review
    query = select(ReviewRow).where(ReviewRow.draft_id == draft_id, ReviewRow.at == review.at)
    return review in map(to_review, session.scalars(query))
