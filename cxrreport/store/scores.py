"""What the network said of judged studies before any calibration, beside what was signed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cxrreport.findings import FINDINGS, NO_FINDING, PATHOLOGY, THERE, State
from cxrreport.store.outcomes import SAID, AgreementRow, JudgementRow
from cxrreport.store.schema import DraftRow, FindingRow, PatientRow, StudyRow
from cxrreport.store.standing import stands
from cxrreport.store.training import patient_bucket


@dataclass(frozen=True, slots=True)
class JudgedScores:
    """A judged draft; scores by finding. signed : states of what was signed, as the draft was judged by them.

    A finding that is not in `signed` is not there. `bucket` (0..9) is the patient's, see `patient_bucket`.
    """

    draft_id: int
    study_id: int
    patient_id: int
    bucket: int
    scores: dict[str, float] = field(default_factory=dict)
    signed: dict[str, State] = field(default_factory=dict)

    def state(self, finding: str) -> State:
        """What was signed of a finding; "no finding" is there where no pathology is, or may be."""
        if finding == FINDINGS[NO_FINDING]:
            return State.BLANK if any(self.signed.get(FINDINGS[i]) in THERE for i in PATHOLOGY) else State.POSITIVE
        return self.signed.get(finding, State.BLANK)


def count_judged(session: Session, weights_sha256: str, preprocess_version: int) -> int:
    """Return how many drafts `judged_scores` gives."""
    judged = select(func.count()).select_from(DraftRow).join(JudgementRow, JudgementRow.draft_id == DraftRow.id)
    return session.scalar(judged.where(*_of(weights_sha256, preprocess_version))) or 0


def judged_scores(
    session: Session, weights_sha256: str, preprocess_version: int, after_id: int, limit: int
) -> list[JudgedScores]:
    """Return the next judged drafts, by id, that stand, in shadow too, and that these weights made of films prepared so."""
    query = select(DraftRow.id, DraftRow.study_id, PatientRow.id, PatientRow.issuer, PatientRow.mrn)
    query = query.join(StudyRow, StudyRow.id == DraftRow.study_id).join(
        PatientRow, PatientRow.id == StudyRow.patient_id
    )
    query = query.join(JudgementRow, JudgementRow.draft_id == DraftRow.id)
    wanted = (DraftRow.id > after_id, *_of(weights_sha256, preprocess_version))
    rows = session.execute(query.where(*wanted).order_by(DraftRow.id).limit(limit)).all()
    found = {row[0]: JudgedScores(*row[:3], patient_bucket(row.issuer, row.mrn)) for row in rows}
    _fill(session, found, list(found))
    return list(found.values())


def _of(weights_sha256: str, preprocess_version: int) -> Sequence[ColumnElement[bool]]:
    made = (DraftRow.weights_sha256 == weights_sha256, DraftRow.preprocess_version == preprocess_version)
    return (*made, stands(shadow=True), SAID)


def _fill(session: Session, found: Mapping[int, JudgedScores], ids: Sequence[int]) -> None:
    scores = select(FindingRow.draft_id, FindingRow.finding, FindingRow.raw_score)
    for draft_id, finding, score in session.execute(scores.where(FindingRow.draft_id.in_(ids))):
        found[draft_id].scores[finding] = score
    signed = select(AgreementRow.draft_id, AgreementRow.finding, AgreementRow.signed)
    for draft_id, finding, state in session.execute(signed.where(AgreementRow.draft_id.in_(ids))):
        found[draft_id].signed[finding] = state
