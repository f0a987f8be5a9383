"""Labels of stored reports, and who gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cxrreport.findings import State
from cxrreport.records import ReportStatus
from cxrreport.store.schema import ReportRow


@dataclass(frozen=True, slots=True)
class StoredText:
    """A report as it is labelled."""

    report_id: int
    findings: str
    impression: str


def outdated_labels(session: Session, source: str, after_id: int, limit: int) -> list[StoredText]:
    """Return the first `limit` reports beyond `after_id`, by id, that another than `source` has labelled.

    A withdrawn report has no text and no labels. One call is one short transaction, as labelling may take long.
    """
    query = (
        select(ReportRow.id, ReportRow.findings, ReportRow.impression)
        .where(ReportRow.id > after_id, ReportRow.label_source != source, ReportRow.status != ReportStatus.WITHDRAWN)
        .order_by(ReportRow.id)
        .limit(limit)
    )
    return [StoredText(*row) for row in session.execute(query)]


def set_labels(session: Session, labels: Mapping[int, Mapping[str, State]], source: str) -> None:
    """Put the labels that `source` gave in the place of those that the reports of these ids have."""
    rows = [
        {"id": report_id, "labels": as_stored(states), "label_source": source} for report_id, states in labels.items()
    ]
    if rows:
        session.execute(update(ReportRow), rows)


def as_stored(labels: Mapping[str, State]) -> dict[str, str]:
    """Labels as the JSON of the column."""
    return {finding: State(state).value for finding, state in labels.items()}
