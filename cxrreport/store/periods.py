"""The reference periods that charts of drift are drawn beside: that of all drafts of a series, and those of new devices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from cxrreport.drafts import MadeWith
from cxrreport.store.outcomes import ReferencePeriodRow
from cxrreport.store.runs import append_audit

Period = tuple[date, date]  # first and last day
_ALL = ""  # of no one device


def reference_period(session: Session, made_with: MadeWith) -> Period | None:
    """The period of all drafts; None where there is none yet."""
    return _periods(session, made_with).get(_ALL)


def own_periods(session: Session, made_with: MadeWith) -> dict[str, Period]:
    """Those of devices that are new since that period, by name."""
    return {device: period for device, period in _periods(session, made_with).items() if device != _ALL}


def keep_reference(
    session: Session, made_with: MadeWith, period: Period, by: str, why: str, device: str = _ALL
) -> None:
    """Hold drafts, or those of one device, beside these days from now on. With another period of all, devices begin anew."""
    gone = [ReferencePeriodRow.device == device] if device else []
    session.execute(delete(ReferencePeriodRow).where(*_series(made_with), *gone))
    since, until = period
    session.add(ReferencePeriodRow(**made_with.series, device=device, since=since, until=until))
    told = {"since": since.isoformat(), "until": until.isoformat(), "reason": why, **made_with.series}
    told |= {"device": device} if device else {}
    append_audit(session, by, "reference period", "drafts of one set of weights", told)


def _periods(session: Session, made_with: MadeWith) -> dict[str, Period]:
    rows = session.scalars(select(ReferencePeriodRow).where(*_series(made_with)).order_by(ReferencePeriodRow.id))
    return {row.device: (row.since, row.until) for row in rows}


def _series(made_with: MadeWith) -> Iterator[ColumnElement[bool]]:
    return (getattr(ReferencePeriodRow, name) == value for name, value in made_with.series.items())
