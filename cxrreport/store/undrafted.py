"""Why a study has no draft, or no newer one: what failed of it, else what all of its images were refused for."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from cxrreport.codes import CODES
from cxrreport.store.schema import FailureRow, ImageRow


@dataclass(frozen=True, slots=True)
class FailureFacts:
    """Why there is no draft, or no newer one."""

    code: str
    message: str
    attempts: int
    quarantined: bool


def why_undrafted(session: Session, study_id: int, *, drafted: bool) -> FailureFacts | None:
    """Return what a run has failed at, else, where there is no draft, what keeps all of its images out, else None."""
    row = session.scalar(select(FailureRow).where(FailureRow.study_id == study_id))
    if row is not None:
        return FailureFacts(row.code, row.message, row.attempts, row.quarantined)
    refused = None if drafted else session.scalar(select(refused_for(study_id)))
    return FailureFacts(refused, CODES[refused].sentence, 0, False) if refused else None


def refused_for(study_id: int | InstrumentedAttribute[int]) -> ScalarSelect[str | None]:
    """The code of images of which none is usable, or may yet turn out to be; of several codes the first by name."""
    open_one = aliased(ImageRow)
    may_be: ColumnElement[bool] = or_(open_one.usable, open_one.reason.is_(None))
    left = select(open_one.id).where(open_one.study_id == ImageRow.study_id, may_be).exists()
    return select(func.min(ImageRow.reason)).where(ImageRow.study_id == study_id, ~left).scalar_subquery()
