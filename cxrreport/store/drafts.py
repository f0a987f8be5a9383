"""Drafts on their way into the database. Nothing reviewed is ever overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from cxrreport.drafts import Draft, DraftStatus, Reference
from cxrreport.store.attempts import clear_failures
from cxrreport.store.engine import batches
from cxrreport.store.outcomes import AgreementRow, JudgementRow
from cxrreport.store.schema import DraftRow, FindingRow, ReferenceRow, RegionRow, SpanRow
from cxrreport.store.views import draft_facts

MADE_WITH = ("weights_sha256", "preprocess_version", "index_version", "inputs_sha256")
JUDGED = ("confidence", "priority", "priority_reason", "shadow", "distance", "abstained")
PARTS = (FindingRow, RegionRow, SpanRow, ReferenceRow)
JUDGEMENTS = (AgreementRow, JudgementRow)  # made of a draft, and worth nothing without it


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
    if row and (row.status in (DraftStatus.REVIEWED, DraftStatus.REJECTED) or _is_stored(session, row, draft)):
        return row.id
    if row is None:
        row = DraftRow(study_id=draft.study_id)
        session.add(row)
    else:
        for part in (*PARTS, *JUDGEMENTS):
            session.execute(delete(part).where(part.draft_id == row.id))
    _fill(row, run_id, draft)
    session.flush()
    _add_parts(session, row.id, draft)
    return row.id


def withdraw_drafts(session: Session, study_ids: Sequence[int]) -> int:
    """Supersede the preliminary drafts of these studies, with nothing in their place; return how many there were."""
    found = 0
    for batch in batches(study_ids):
        preliminary = (DraftRow.study_id.in_(batch), DraftRow.status == DraftStatus.PRELIMINARY)
        ended = update(DraftRow).where(*preliminary).values(status=DraftStatus.SUPERSEDED).returning(DraftRow.id)
        found += len(session.scalars(ended).all())  # a verdict that came meanwhile stands
    return found


def _find_same(session: Session, draft: Draft) -> DraftRow | None:
    same = (getattr(DraftRow, name) == getattr(draft.provenance, name) for name in MADE_WITH)
    return session.scalar(select(DraftRow).where(DraftRow.study_id == draft.study_id, *same))


def _supersede(session: Session, study_id: int, keep: DraftRow | None) -> None:
    """Supersede the preliminary draft, if it is another one than `keep`."""
    others = (DraftRow.study_id == study_id, DraftRow.id != (keep.id if keep else 0))
    preliminary = DraftRow.status == DraftStatus.PRELIMINARY
    session.execute(update(DraftRow).where(*others, preliminary).values(status=DraftStatus.SUPERSEDED))


def _is_stored(session: Session, row: DraftRow, draft: Draft) -> bool:
    """Tell whether the row is this draft already, so that its run and date stay."""
    facts = draft_facts(session, row)
    references = tuple(Reference(r.rank, r.report_id, r.score, r.weight) for r in facts.references)
    return (
        row.status == DraftStatus.PRELIMINARY
        and (row.findings, row.impression, row.comparison) == (draft.findings, draft.impression, draft.comparison)
        and (row.prior_study_id, row.prior_reason) == (draft.prior_study_id, draft.prior_reason)
        and row.decoding == draft.provenance.decoding
        and row.calibration_sha256 == draft.provenance.calibration_sha256
        and all(getattr(row, name) == getattr(draft, name) for name in JUDGED)
        and facts.flags == draft.flags
        and {*facts.all_rows} == {*draft.finding_rows}
        and (facts.spans, facts.regions) == (draft.spans, draft.regions)
        and references == draft.references
    )


def _fill(row: DraftRow, run_id: int, draft: Draft) -> None:
    row.run_id, row.status, row.created_at = run_id, DraftStatus.PRELIMINARY, datetime.now(UTC)
    row.prior_study_id, row.prior_reason = draft.prior_study_id, draft.prior_reason
    row.findings, row.impression, row.comparison = draft.findings, draft.impression, draft.comparison
    for name in MADE_WITH:
        setattr(row, name, getattr(draft.provenance, name))
    row.decoding, row.flags = dict(draft.provenance.decoding), list(draft.flags)
    row.calibration_sha256 = draft.provenance.calibration_sha256
    for name in JUDGED:
        setattr(row, name, getattr(draft, name))


def _add_parts(session: Session, draft_id: int, draft: Draft) -> None:
    """Insert the rows of a draft; the records' fields are the tables' columns."""
    parts: tuple[tuple[Any, ...], ...] = (draft.finding_rows, draft.regions, draft.spans, draft.references)
    for table, records in zip(PARTS, parts):
        rows = [{name: _plain(getattr(one, name)) for name in one.__slots__} for one in records]
        for row in rows:
            row["draft_id"] = draft_id
            if table is FindingRow and row["raw_score"] is None:
                row["raw_score"] = row["probability"]
        if rows:
            session.execute(insert(table), rows)


def _plain(value: Any) -> Any:
    """Return a Python number for one of numpy: SQLite would store its bytes without a word."""
    return value.item() if hasattr(value, "item") else value
