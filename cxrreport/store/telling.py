"""Drafts that tell what readers are no longer to be told."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from cxrreport.drafts import DraftStatus
from cxrreport.findings import Change
from cxrreport.store.amendments import SIGNED
from cxrreport.store.drafts import withdraw_drafts
from cxrreport.store.schema import DraftRow, FindingRow, ReportRow


def withdraw_telling(session: Session, closed: Mapping[str, str]) -> int:
    """Supersede the drafts that nobody has read yet and that tell what is closed; return how many those are.

    closed : "state" or "change" by finding. Their studies have no draft until the next run makes one that keeps it back. A
    draft is taken for read once its study has a signed report or the draft a verdict; what was read stays as it was read.
    """
    if not closed:
        return 0
    states, changes = (
        [finding for finding, subject in closed.items() if subject == kind] for kind in ("state", "change")
    )
    changed = and_(FindingRow.withheld == "", FindingRow.change.is_not(None), FindingRow.change != Change.ABSENT)
    tells = or_(
        and_(FindingRow.finding.in_(states), FindingRow.withheld != "state"),
        and_(FindingRow.finding.in_(changes), changed),
    )
    signed = exists().where(ReportRow.study_id == DraftRow.study_id, ReportRow.status.in_(SIGNED))
    unread = (DraftRow.status == DraftStatus.PRELIMINARY, ~DraftRow.shadow, ~signed)
    told = exists().where(FindingRow.draft_id == DraftRow.id, tells)
    return withdraw_drafts(session, session.scalars(select(DraftRow.study_id).where(*unread, told)).all())
