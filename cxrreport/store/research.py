"""What a reader study needs of judged drafts beside `judged_drafts`: who it is, and how the draft was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport.findings import Change, State
from cxrreport.store.outcomes import JudgementRow
from cxrreport.store.schema import DraftRow, FindingRow, PatientRow, StudyRow


@dataclass(frozen=True, slots=True)
class Drafted:
    """One finding of a draft, in the table of the draft; `raw_score` before any calibration."""

    finding: str
    state: State
    probability: float
    raw_score: float
    change: Change | None
    withheld: str


@dataclass(frozen=True, slots=True)
class Made:
    """A judged draft: its patient and study, how it was made, its findings.

    distance : of its films from those that the weights learnt from. by_report : judged beside a signed report.
    """

    issuer: str
    mrn: str
    uid: str
    distance: float | None
    preprocess_version: int
    index_version: str
    calibration_sha256: str | None
    by_report: bool
    findings: list[Drafted] = field(default_factory=list)


def made(session: Session, draft_ids: Sequence[int]) -> dict[int, Made]:
    """Return these judged drafts, by id."""
    how = (DraftRow.distance, DraftRow.preprocess_version, DraftRow.index_version, DraftRow.calibration_sha256)
    query = select(
        DraftRow.id, PatientRow.issuer, PatientRow.mrn, StudyRow.uid, *how, JudgementRow.report_id.is_not(None)
    )
    query = query.join(StudyRow, StudyRow.id == DraftRow.study_id).join(
        PatientRow, PatientRow.id == StudyRow.patient_id
    )
    query = query.join(JudgementRow, JudgementRow.draft_id == DraftRow.id).where(DraftRow.id.in_(draft_ids))
    found = {row[0]: Made(*row[1:]) for row in session.execute(query)}
    columns = [getattr(FindingRow, name) for name in Drafted.__slots__]
    rows = select(FindingRow.draft_id, *columns).where(FindingRow.draft_id.in_(draft_ids)).order_by(FindingRow.id)
    for draft_id, *facts in session.execute(rows):
        found[draft_id].findings.append(Drafted(*facts))
    return found
