"""What became of the findings of a patient, study by study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport.drafts import DraftStatus
from cxrreport.findings import FINDINGS, State
from cxrreport.store.reports import signed_reports
from cxrreport.store.schema import DraftRow, FindingRow, StudyRow
from cxrreport.store.standing import stands

States = Mapping[str, State]  # by finding


@dataclass(frozen=True, slots=True)
class Moment:
    """The states of the findings in one study: `source` is "report", signed in the archive, or "draft"."""

    study_id: int
    accession: str
    studied_at: datetime | None
    source: str
    states: States


def trajectory(session: Session, patient_id: int) -> tuple[Moment, ...]:
    """Return the studies of a patient of which somebody has told the findings, by date; undated ones come first.

    The latest signed report that is labelled goes before the draft. A draft that was rejected, made in shadow or is
    abstained from tells nothing, and none a finding whose change it withholds: beside other studies its state would tell it.
    """
    query = select(StudyRow).where(StudyRow.patient_id == patient_id).order_by(StudyRow.id)
    studies = sorted(session.scalars(query), key=lambda study: study.studied_at or datetime.min)
    ids = [study.id for study in studies]
    told = [("report", _signed(session, ids)), ("draft", _drafted(session, ids))]
    found = ((study, [(source, by[study.id]) for source, by in told if study.id in by]) for study in studies)
    return tuple(Moment(one.id, one.accession, one.studied_at, *said[0]) for one, said in found if said)


def _signed(session: Session, study_ids: list[int]) -> dict[int, States]:
    signed = signed_reports(session, study_ids).items()
    labelled = ((study, [row.labels for row in rows if row.labels]) for study, rows in signed)
    return {study: _states(labels[-1]) for study, labels in labelled if labels}


def _drafted(session: Session, study_ids: list[int]) -> dict[int, States]:
    found: dict[int, dict[str, str]] = {}
    query = select(DraftRow.study_id, FindingRow.finding, FindingRow.state)
    query = query.join(FindingRow, FindingRow.draft_id == DraftRow.id)
    heard = (stands(), DraftRow.status != DraftStatus.REJECTED, DraftRow.abstained == "")
    shown = (DraftRow.study_id.in_(study_ids), *heard, FindingRow.withheld == "")
    for study, finding, state in session.execute(query.where(*shown)):
        found.setdefault(study, {})[finding] = state
    return {study: _states(states) for study, states in found.items()}


def _states(labels: Mapping[str, str]) -> States:
    return {finding: State(labels[finding]) for finding in FINDINGS if finding in labels}
