"""What could not be used, one row a file or study: listed for the administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cxrreport.store.schema import FailureRow, RunRow, StudyRow


@dataclass(frozen=True, slots=True)
class FailureListed:
    """A file by its `path`, or a study by `accession` and `study_uid`; `at` is when the run that met it last began."""

    code: str
    message: str
    path: str | None
    accession: str | None
    study_uid: str | None
    attempts: int
    quarantined: bool
    run: int
    at: datetime


def list_failures(session: Session, code: str | None = None, limit: int = 100) -> tuple[list[FailureListed], int]:
    """Return the failures of the latest runs, the newest first, and how many there are in all.

    code : a code, or its first word with all that belongs to it (`pixels`).
    """
    wanted = [] if code is None else [or_(FailureRow.code == code, FailureRow.code.startswith(f"{code}."))]
    query = (
        select(FailureRow, StudyRow.accession, StudyRow.uid, RunRow.started_at)
        .join(RunRow, RunRow.id == FailureRow.run_id)
        .outerjoin(StudyRow, StudyRow.id == FailureRow.study_id)
        .where(*wanted)
        .order_by(FailureRow.run_id.desc(), FailureRow.id.desc())
        .limit(limit)
    )
    total = session.scalar(select(func.count()).select_from(FailureRow).where(*wanted)) or 0
    return [_listed(*row) for row in session.execute(query)], total


def _listed(row: FailureRow, accession: str | None, study_uid: str | None, at: datetime) -> FailureListed:
    tried = (row.attempts, row.quarantined, row.run_id, at)
    return FailureListed(row.code, row.message, row.path, accession, study_uid, *tried)
