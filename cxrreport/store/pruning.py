"""What has served its time: superseded drafts and runs that nothing refers to any more. The audit is never pruned."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import ColumnElement, Select, Table, and_, exists, func, select
from sqlalchemy.orm import Session

from cxrreport.drafts import DraftStatus
from cxrreport.store.columns import Base
from cxrreport.store.drafts import JUDGEMENTS, PARTS
from cxrreport.store.forgetting import Held, add_dependent
from cxrreport.store.schema import DraftRow, RunRow

_OWN = {part.__tablename__ for part in (*PARTS, *JUDGEMENTS)}


def outdated(session: Session, before: datetime) -> Held:
    """Return the ids of rows that may go, by table: superseded drafts made before a moment, with their parts, and older runs.

    A draft that another table refers to, a review say, stays; so does a run that made one that stays, that a failure
    names, or that is the latest.
    """
    found: defaultdict[str, set[int]] = defaultdict(set)
    superseded = (DraftRow.status == DraftStatus.SUPERSEDED, DraftRow.created_at < before)
    goes = and_(*superseded, *_unused(Base.metadata.tables["draft"], _OWN))
    found["draft"].update(session.scalars(select(DraftRow.id).where(goes)))
    add_dependent(session, found)
    found["run"].update(session.scalars(_idle_runs(before, goes)))
    return {table: ids for table, ids in found.items() if ids}


def _idle_runs(before: datetime, goes: ColumnElement[bool]) -> Select[int]:
    """Ids of runs of which no draft stays."""
    latest = select(func.max(RunRow.id)).scalar_subquery()
    old = (RunRow.started_at < before, RunRow.ended_at.is_not(None), RunRow.id != latest)
    stays = exists().where(DraftRow.run_id == RunRow.id, ~goes)
    return select(RunRow.id).where(*old, ~stays, *_unused(Base.metadata.tables["run"], {"draft"}))


def _unused(target: Table, besides: set[str]) -> list[ColumnElement[bool]]:
    """Conditions that no other table than those of `besides` refers to a row."""
    return [
        ~exists().where(key.parent == target.c.id)
        for table in Base.metadata.sorted_tables
        if table.name not in besides
        for key in table.foreign_keys
        if key.column.table is target
    ]
