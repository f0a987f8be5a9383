"""Claims, drafts and failed studies. Nothing reviewed is ever overwritten. `draft_view` comes from `views`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from cxrreport.records import Draft, DraftStatus, Failure, Reference
from cxrreport.store.batches import batches
from cxrreport.store.schema import DraftRow, FailureRow, FindingRow, ReferenceRow, RegionRow, SpanRow
from cxrreport.store.views import DraftView, draft_facts, draft_view

__all__ = [
    "DraftView",
    "claim",
    "clear_failures",
    "draft_view",
    "fail_studies",
    "past_attempts",
    "release",
    "save_drafts",
]

MAX_ATTEMPTS = 3
INTERRUPTED = "run.interrupted"
INTERRUPTED_MESSAGE = "The run ended while this study was in work."
PARTS = (FindingRow, RegionRow, SpanRow, ReferenceRow)


# -- attempts ---------------------------------------------------------------------------------------------------------


def claim(session: Session, run_id: int, study_ids: Sequence[int], max_attempts: int = MAX_ATTEMPTS) -> list[int]:
    """Count one attempt for each study BEFORE the work; commit before beginning it.

    Returns
    -------
    The studies to work on, in the given order. One that has used up its attempts is quarantined and left out.
    """
    rows = _failures(session, study_ids)
    taken = []
    for study_id in dict.fromkeys(study_ids):
        row = rows.get(study_id)
        if row is not None and (row.quarantined or row.attempts >= max_attempts):
            row.quarantined = True
            continue
        row = _write_failure(session, row, run_id, Failure(INTERRUPTED, INTERRUPTED_MESSAGE, study_id=study_id), 1)
        row.quarantined = row.attempts >= max_attempts  # if the work kills this process, nobody is left to say so
        taken.append(study_id)
    session.flush()
    return taken


def past_attempts(
    session: Session, study_ids: Sequence[int], max_attempts: int = MAX_ATTEMPTS
) -> dict[int, int | None]:
    """Return how often each troubled study was tried; None for one that is quarantined or would now become so."""
    return {
        study_id: None if row.quarantined or row.attempts >= max_attempts else row.attempts
        for study_id, row in _failures(session, study_ids).items()
    }


def release(session: Session, study_ids: Sequence[int]) -> None:
    """Take the attempt of a claim back: the run was asked to stop, the study is not to blame."""
    for row in _failures(session, study_ids).values():
        if row.code != INTERRUPTED:
            continue
        row.attempts, row.quarantined = row.attempts - 1, False
        if row.attempts <= 0:
            session.delete(row)
    session.flush()


def fail_studies(
    session: Session,
    run_id: int,
    failures: Sequence[Failure],
    max_attempts: int = MAX_ATTEMPTS,
    *,
    counted: bool = True,
) -> None:
    """Turn claims into failures; the attempts stay as the claim counted them. The last attempt quarantines.

    With `counted=False`, for studies that nobody claimed, the failure is told and no more: the mount was away, and the
    study is not to blame. No attempt is counted, and nothing is quarantined.
    """
    rows = _failures(session, [f.study_id for f in failures if f.study_id is not None])
    for failure in failures:
        if failure.study_id is None:
            raise ValueError("A failure of a study names the study.")
        row = rows.get(failure.study_id)
        row = _write_failure(session, row, run_id, failure, 1 if counted and row is None else 0)
        if counted:
            row.quarantined = row.attempts >= max_attempts
        rows[failure.study_id] = row
    session.flush()


def clear_failures(session: Session, study_ids: Sequence[int]) -> None:
    """Forget failures and quarantine of these studies: somebody asks for them anew."""
    for batch in batches(study_ids):
        session.execute(delete(FailureRow).where(FailureRow.study_id.in_(batch)))


def _failures(session: Session, study_ids: Sequence[int]) -> dict[int, FailureRow]:
    found: dict[int, FailureRow] = {}
    for batch in batches(study_ids):
        for row in session.scalars(select(FailureRow).where(FailureRow.study_id.in_(batch))):
            if row.study_id is not None:
                found[row.study_id] = row
    return found


def _write_failure(
    session: Session, row: FailureRow | None, run_id: int, failure: Failure, attempts: int
) -> FailureRow:
    if row is None:
        row = FailureRow(study_id=failure.study_id, attempts=0, quarantined=False)
        session.add(row)
    row.run_id, row.path, row.code, row.message = run_id, failure.path, failure.code, failure.message
    row.attempts += attempts
    return row


# -- drafts -----------------------------------------------------------------------------------------------------------


def save_drafts(session: Session, run_id: int, drafts: Sequence[Draft]) -> list[int]:
    """Store drafts as preliminary and end their studies' claims; return the ids of the drafts, in order.

    The preliminary draft of a study becomes superseded. A draft of the same study, weights, preprocessing, index and
    inputs is the same draft: its row is written anew, unless it is reviewed or rejected; those are never touched.
    Saving the same twice changes nothing.
    """
    ids = [_save_draft(session, run_id, draft) for draft in drafts]
    clear_failures(session, [draft.study_id for draft in drafts])
    return ids


def _save_draft(session: Session, run_id: int, draft: Draft) -> int:
    row = _find_same(session, draft)
    _supersede(session, draft.study_id, keep=row)
    if row is not None and (
        row.status in (DraftStatus.REVIEWED, DraftStatus.REJECTED) or _is_stored(session, row, draft)
    ):
        return row.id
    if row is None:
        row = DraftRow(study_id=draft.study_id)
        session.add(row)
    else:
        for part in PARTS:
            session.execute(delete(part).where(part.draft_id == row.id))
    _fill(row, run_id, draft)
    session.flush()
    _add_parts(session, row.id, draft)
    return row.id


def _find_same(session: Session, draft: Draft) -> DraftRow | None:
    made_with = draft.provenance
    return session.scalar(
        select(DraftRow).where(
            DraftRow.study_id == draft.study_id,
            DraftRow.weights_sha256 == made_with.weights_sha256,
            DraftRow.preprocess_version == made_with.preprocess_version,
            DraftRow.index_version == made_with.index_version,
            DraftRow.inputs_sha256 == made_with.inputs_sha256,
        )
    )


def _supersede(session: Session, study_id: int, keep: DraftRow | None) -> None:
    """Supersede the preliminary draft, if it is another one than `keep`."""
    session.execute(
        update(DraftRow)
        .where(
            DraftRow.study_id == study_id,
            DraftRow.status == DraftStatus.PRELIMINARY,
            DraftRow.id != (keep.id if keep else 0),
        )
        .values(status=DraftStatus.SUPERSEDED)
    )


def _is_stored(session: Session, row: DraftRow, draft: Draft) -> bool:
    """Tell whether the row is this draft already, so that its run and date stay."""
    facts = draft_facts(session, row)
    references = tuple(Reference(r.rank, r.report_id, r.score, r.weight) for r in facts.references)
    return (
        row.status == DraftStatus.PRELIMINARY
        and (row.findings, row.impression, row.comparison) == (draft.findings, draft.impression, draft.comparison)
        and (row.prior_study_id, row.prior_reason) == (draft.prior_study_id, draft.prior_reason)
        and row.decoding == draft.provenance.decoding
        and facts.flags == draft.flags
        and (facts.finding_rows, facts.spans, facts.regions) == (draft.finding_rows, draft.spans, draft.regions)
        and references == draft.references
    )


def _fill(row: DraftRow, run_id: int, draft: Draft) -> None:
    row.run_id, row.status, row.created_at = run_id, DraftStatus.PRELIMINARY, datetime.now(UTC)
    row.prior_study_id, row.prior_reason = draft.prior_study_id, draft.prior_reason
    row.findings, row.impression, row.comparison = draft.findings, draft.impression, draft.comparison
    row.weights_sha256 = draft.provenance.weights_sha256
    row.preprocess_version = draft.provenance.preprocess_version
    row.index_version = draft.provenance.index_version
    row.inputs_sha256 = draft.provenance.inputs_sha256
    row.decoding, row.flags = dict(draft.provenance.decoding), list(draft.flags)


def _add_parts(session: Session, draft_id: int, draft: Draft) -> None:
    """Insert the rows of a draft; the records' fields are the tables' columns."""
    parts: tuple[tuple[Any, ...], ...] = (draft.finding_rows, draft.regions, draft.spans, draft.references)
    for table, records in zip(PARTS, parts):
        rows = [
            {"draft_id": draft_id} | {name: _plain(getattr(one, name)) for name in one.__slots__} for one in records
        ]
        if rows:
            session.execute(insert(table), rows)


def _plain(value: Any) -> Any:
    """Return a Python number for one of numpy: SQLite would store its bytes without a word."""
    return value.item() if hasattr(value, "item") else value
