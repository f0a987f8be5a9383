"""What has become of a draft: the verdict of its reader, and where it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport.drafts import Review
from cxrreport.store.schema import DeliveryRow, ReviewRow


@dataclass(frozen=True, slots=True)
class Delivery:
    """One object of a draft on its way to a target; `answer` is what the target said last."""

    target: str
    object: str
    sent_at: datetime
    answer: str
    attempts: int
    delivered: bool


def newest_review(session: Session, draft_id: int) -> Review | None:
    """Return the verdict that holds of a draft, if anybody has judged it."""
    query = select(ReviewRow).where(ReviewRow.draft_id == draft_id)
    row = session.scalar(query.order_by(ReviewRow.at.desc(), ReviewRow.id.desc()).limit(1))
    return to_review(row) if row else None


def to_review(row: ReviewRow) -> Review:
    """Return a stored verdict."""
    return Review(**{name: getattr(row, name) for name in Review.__slots__})


def deliveries(session: Session, draft_id: int) -> tuple[Delivery, ...]:
    """Return where a draft was sent, in that order."""
    rows = session.scalars(select(DeliveryRow).where(DeliveryRow.draft_id == draft_id).order_by(DeliveryRow.id))
    return tuple(Delivery(**{name: getattr(row, name) for name in Delivery.__slots__}) for row in rows)
