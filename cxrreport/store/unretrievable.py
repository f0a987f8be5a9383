"""Reports of the archive that no study is ever given, and why: what `allowed` leaves out whatever the study is."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from cxrreport.records import ReportStatus
from cxrreport.store.schema import ReportRow, StudyRow

_HELD = ReportRow.status != ReportStatus.WITHDRAWN
_WHOLE = or_(ReportRow.findings != "", ReportRow.impression != "")


def unretrievable(session: Session, *, undated: bool) -> dict[str, int]:
    """Count them by code; `undated` is the setting that lets reports without a date be retrieved all the same.

    "report.nameless" are retrieved, but nothing save the date tells them from a patient's own.
    """
    no_date = and_(_HELD, ReportRow.reported_at.is_(None))
    nameless = and_(_HELD, ReportRow.accession == "", ReportRow.study_uid == "", ReportRow.mrn == "", _WHOLE)
    counts = {
        "report.undated": 0 if undated else _count(session, no_date, _WHOLE, StudyRow.studied_at.is_(None)),
        "report.addition": _count(session, no_date, ~_WHOLE, ReportRow.addendum.is_not(None)),
        "report.nameless": _count(session, nameless),
    }
    return {code: number for code, number in counts.items() if number}


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(ReportRow).outerjoin(StudyRow, StudyRow.id == ReportRow.study_id)
    return session.scalar(query.where(*where)) or 0
