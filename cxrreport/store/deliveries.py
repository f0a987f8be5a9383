"""What left the archive: one row for each object of a draft and each target.

The rows of a draft are made before its first object is sent. So a target has got all of a draft if it has rows and none of
them waits, and nobody needs to make the objects anew to find out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.orm import Session

from cxrreport.drafts import DraftStatus
from cxrreport.store.outcomes import DeliveryRow
from cxrreport.store.schema import DraftRow, StudyRow
from cxrreport.store.standing import stands
from cxrreport.store.views import find_study


def is_delivered(target: str) -> ColumnElement[bool]:
    """Match drafts of which the target has got all."""
    own = (DeliveryRow.draft_id == DraftRow.id, DeliveryRow.target == target)
    return and_(exists().where(*own), ~exists().where(*own, ~DeliveryRow.delivered))


def plan_delivery(session: Session, draft_id: int, target: str, objects: Sequence[str]) -> list[str]:
    """Note what a target is to get of a draft; return what it lacks, in the given order.

    What waits from an earlier call and is no more asked for is forgotten. Of a draft that was erased meanwhile nothing is sent.
    """
    if session.get(DraftRow, draft_id) is None:
        return []
    own = (DeliveryRow.draft_id == draft_id, DeliveryRow.target == target)
    session.execute(delete(DeliveryRow).where(*own, ~DeliveryRow.delivered, DeliveryRow.object.not_in(objects)))
    query = select(DeliveryRow.object, DeliveryRow.delivered).where(*own)
    known = {name: delivered for name, delivered in session.execute(query)}
    now = datetime.now(UTC)
    for name in dict.fromkeys(objects):
        if name not in known:
            row = DeliveryRow(draft_id=draft_id, target=target, object=name, sent_at=now, answer="", attempts=0)
            row.delivered = False
            session.add(row)
    return [name for name in objects if not known.get(name)]


def record_attempt(session: Session, draft_id: int, target: str, name: str, answer: str, delivered: bool) -> None:
    """Count an attempt at an object and keep its answer."""
    own = (DeliveryRow.draft_id == draft_id, DeliveryRow.target == target, DeliveryRow.object == name)
    values = {"sent_at": datetime.now(UTC), "answer": answer, "delivered": delivered}
    session.execute(update(DeliveryRow).where(*own).values(attempts=DeliveryRow.attempts + 1, **values))


_SENT = (
    select(DeliveryRow, StudyRow.id, StudyRow.accession)
    .join(DraftRow, DraftRow.id == DeliveryRow.draft_id)
    .join(StudyRow, StudyRow.id == DraftRow.study_id)
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One object on its way to one target; `sent_at` is that of the last attempt, `answer` the one to it."""

    study_id: int
    accession: str
    draft_id: int
    target: str
    object: str
    sent_at: datetime
    attempts: int
    answer: str
    delivered: bool


def list_deliveries(
    session: Session, study: str | None = None, waiting: bool = False, limit: int = 100
) -> tuple[list[Delivery], int]:
    """Return what was sent last, the newest first, and how much there is in all.

    waiting : only what a call would send again; what is left of a superseded or rejected draft is not.

    Raises
    ------
    UsageError : no study has the key `study`, or several have.
    """
    query = _SENT
    if study is not None:
        query = query.where(StudyRow.id == find_study(session, study).id)
    if waiting:
        query = query.where(~DeliveryRow.delivered, stands(), DraftRow.status != DraftStatus.REJECTED)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.execute(query.order_by(DeliveryRow.sent_at.desc(), DeliveryRow.id.desc()).limit(limit))
    return [_to_delivery(*row) for row in rows], total


def deliveries_of(session: Session, draft_id: int) -> tuple[Delivery, ...]:
    """Return where a draft was sent, in that order."""
    rows = session.execute(_SENT.where(DeliveryRow.draft_id == draft_id).order_by(DeliveryRow.id))
    return tuple(_to_delivery(*row) for row in rows)


def _to_delivery(sent: DeliveryRow, study_id: int, accession: str) -> Delivery:
    own = ("draft_id", "target", "object", "sent_at", "attempts", "answer", "delivered")
    return Delivery(study_id, accession, **{name: getattr(sent, name) for name in own})
