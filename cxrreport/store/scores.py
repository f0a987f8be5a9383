"""What the network said of studies before any calibration."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport.drafts import DraftStatus
from cxrreport.store.engine import batches
from cxrreport.store.schema import DraftRow, FindingRow


def raw_scores(session: Session, study_ids: Collection[int], weights_sha256: str) -> dict[int, dict[str, float]]:
    """Scores by finding of the latest draft of each study that these weights made and that none has superseded."""
    found: dict[int, dict[str, float]] = {}
    for batch in batches(study_ids):
        query = select(DraftRow.study_id, FindingRow.finding, FindingRow.raw_score).join(FindingRow)
        current = (DraftRow.status != DraftStatus.SUPERSEDED, DraftRow.weights_sha256 == weights_sha256)
        for study_id, finding, score in session.execute(
            query.where(DraftRow.study_id.in_(batch), *current).order_by(DraftRow.id)
        ):
            found.setdefault(study_id, {})[finding] = score
    return found
