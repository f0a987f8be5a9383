"""What later drafts hear of a study: the findings that were signed, and those of the draft that stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport import addenda
from cxrreport.findings import State
from cxrreport.store.reports import signed_reports
from cxrreport.store.schema import FindingRow
from cxrreport.store.standing import heard

States = Mapping[str, State]  # by finding


@dataclass(frozen=True, slots=True)
class Signed:
    """Id, sections and labels of a signed report; no labels where nobody has labelled it."""

    report_id: int
    findings: str
    impression: str
    labels: States


def signed_findings(session: Session, studies: Mapping[int, datetime | None]) -> dict[int, Signed]:
    """Return the findings of the latest signed report of each study (by id) that has one.

    A report that is dated or added to after the given time is left out: it may tell of what came later. One without a
    date has that of its study, as in `reports.allowed`.
    """
    found = {}
    for study_id, rows in signed_reports(session, list(studies)).items():
        until = studies[study_id]
        for row in rows:  # the last one holds
            told_at = row.amended_at or row.reported_at
            if row.findings.strip() and not (until and told_at and told_at > until):
                labels = {finding: State(state) for finding, state in row.labels.items()}
                found[study_id] = Signed(
                    row.id, addenda.behind(row.findings, row.addendum or ""), row.impression, labels
                )
    return found


def drafted_states(session: Session, studies: Iterable[int], *, shadow: bool = False) -> dict[int, dict[str, State]]:
    """Return the states of the findings in the draft that stands of each study (by id) that has one.

    One that was rejected or abstained from is not heard, nor what one keeps from its readers. shadow : those made in shadow
    are, too: by drafts in shadow alone.
    """
    found = {}
    for study_id in studies:
        if draft := heard(session, study_id, shadow=shadow):
            query = select(FindingRow.finding, FindingRow.state).where(FindingRow.draft_id == draft.id)
            query = query.where(FindingRow.withheld != "state")  # a gate that has opened since changes nothing in it
            found[study_id] = {finding: State(state) for finding, state in session.execute(query)}
    return found
