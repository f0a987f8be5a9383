"""The work lease: attempts are counted before the work, and become failures where it ends badly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cxrreport.codes import CODES
from cxrreport.records import Failure
from cxrreport.store.engine import batches
from cxrreport.store.schema import AttemptRow, FailureRow

MAX_ATTEMPTS = 3
INTERRUPTED = "run.interrupted"
Row = TypeVar("Row", AttemptRow, FailureRow)


def claim(session: Session, run_id: int, study_ids: Sequence[int]) -> list[int]:
    """Count one attempt for each study BEFORE the work; commit before beginning it. Claiming twice counts once.

    Returns
    -------
    The studies to work on, in the given order. One that has used up its attempts is left out.
    """
    rows = _rows(session, AttemptRow, study_ids)
    taken = [i for i in dict.fromkeys(study_ids) if i not in rows or rows[i].count < MAX_ATTEMPTS]
    for study_id in taken:
        row = rows.get(study_id) or AttemptRow(study_id=study_id, count=0)
        if row.claimed_at is None or row.run_id != run_id:  # else its own claim, of a COMMIT whose answer was lost
            row.run_id, row.count, row.claimed_at = run_id, row.count + 1, datetime.now(UTC)
        session.add(row)
    session.flush()
    return taken


def past_attempts(session: Session, study_ids: Sequence[int]) -> dict[int, int | None]:
    """Return how often each troubled study was tried; None for one that is quarantined."""
    rows = _rows(session, AttemptRow, study_ids)
    return {study_id: row.count if row.count < MAX_ATTEMPTS else None for study_id, row in rows.items()}


def release(session: Session, study_ids: Sequence[int]) -> None:
    """Take the attempt of a claim back: the run was asked to stop, the study is not to blame."""
    for row in _rows(session, AttemptRow, study_ids).values():
        if row.claimed_at is not None:
            row.count, row.claimed_at = row.count - 1, None
            if not row.count:
                session.delete(row)
    session.flush()


def fail_studies(session: Session, run_id: int, failures: Sequence[Failure]) -> None:
    """Record failures and end their claims; the last attempt quarantines. What nobody claimed counts no attempt."""
    ids = [failure.study_id for failure in failures if failure.study_id is not None]
    if len(ids) < len(failures):
        raise ValueError("A failure of a study names the study.")
    attempts, rows = _rows(session, AttemptRow, ids), _rows(session, FailureRow, ids)
    for study_id, failure in zip(ids, failures):
        row = rows.setdefault(study_id, FailureRow(study_id=study_id))
        row.run_id, row.path, row.code, row.message = run_id, failure.path, failure.code, failure.message
        attempt = attempts.get(study_id)
        row.attempts = attempt.count if attempt else 0
        row.quarantined = row.attempts >= MAX_ATTEMPTS
        if attempt:
            attempt.claimed_at = None
        session.add(row)
    session.flush()


def fail_abandoned(session: Session) -> None:
    """Record as failures the studies in whose work a run died. The caller holds the archive, so no other run is at work."""
    for row in session.scalars(select(AttemptRow).where(AttemptRow.claimed_at.is_not(None))).all():
        fail_studies(session, row.run_id, [Failure(INTERRUPTED, CODES[INTERRUPTED].sentence, study_id=row.study_id)])


def clear_interrupted(session: Session, study_ids: Sequence[int]) -> None:
    """Forget that a run died in work on these studies, whose drafts are as they should be: it was to draft them anew."""
    for batch in batches(study_ids):
        stale = FailureRow.study_id.in_(batch) & (FailureRow.code == INTERRUPTED)
        session.execute(delete(FailureRow).where(stale))


def clear_failures(session: Session, study_ids: Sequence[int]) -> None:
    """Forget failures, attempts and quarantine of these studies."""
    for batch in batches(study_ids):
        for table in (FailureRow, AttemptRow):
            session.execute(delete(table).where(table.study_id.in_(batch)))


def _rows(session: Session, table: type[Row], study_ids: Iterable[int]) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for batch in batches(study_ids):
        for row in session.scalars(select(table).where(table.study_id.in_(batch))):
            if row.study_id is not None:
                found[row.study_id] = row
    return found
