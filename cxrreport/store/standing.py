"""The draft that stands of a study: one rule for lists, exports, `show`, reviews, and what later drafts hear of it."""

from __future__ import annotations

from functools import cache

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from cxrreport.drafts import DraftStatus
from cxrreport.store.schema import DraftRow


@cache  # an alias is made once: it costs more than the query that it stands in
def stands(*, shadow: bool = False) -> ColumnElement[bool]:
    """Match the draft that stands of a study: the preliminary one, else the newest reviewed or rejected one.

    shadow : drafts that were made in shadow count, too; else they are as if they were not there.
    """
    other = aliased(DraftRow)
    newer = and_(DraftRow.status != DraftStatus.PRELIMINARY, other.id > DraftRow.id)
    before = or_(other.status == DraftStatus.PRELIMINARY, newer)
    alive = (other.study_id == DraftRow.study_id, other.id != DraftRow.id, other.status != DraftStatus.SUPERSEDED)
    seen = [] if shadow else [~DraftRow.shadow]
    seen_too = [] if shadow else [~other.shadow]
    return and_(DraftRow.status != DraftStatus.SUPERSEDED, *seen, ~exists().where(*alive, *seen_too, before))


def standing(session: Session, study_id: int, *, shadow: bool = False) -> DraftRow | None:
    """Return the draft that stands of a study."""
    return session.scalar(select(DraftRow).where(DraftRow.study_id == study_id, stands(shadow=shadow)))


def heard(session: Session, study_id: int, *, shadow: bool = False) -> DraftRow | None:
    """Return what later drafts and their readers hear of a study: the draft that stands, unless it was rejected or is one
    that is abstained from.
    """
    draft = standing(session, study_id, shadow=shadow)
    return None if draft is None or draft.status is DraftStatus.REJECTED or draft.abstained else draft
