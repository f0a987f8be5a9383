"""Alarms of drift: charts that have left their reference period. What becomes of them stands in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cxrreport.drafts import LEVELS, MadeWith, Watched
from cxrreport.errors import UsageError
from cxrreport.store.outcomes import AlarmRow
from cxrreport.store.runs import TOOL, append_audit

WORSE = 2  # times as far from the reference as when somebody acknowledged it: then it is told anew
Subject = tuple[str, str, str]  # device, statistic, finding


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a chart stands that is outside its limits, and the week since when.

    value, usual : mean of the last weeks and of the reference. score : in standard errors.
    """

    level: str
    since: date
    value: float
    usual: float
    score: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """A chart that has left its reference period, as `AlarmRow` has it."""

    id: int
    device: str
    statistic: str
    finding: str
    level: str
    since: date
    until: date | None
    value: float
    usual: float
    score: float
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_why: str | None

    @property
    def rings(self) -> bool:
        """Whether somebody must still look at it."""
        return self.until is None and self.level == LEVELS[-1] and self.acknowledged_at is None

    @property
    def sentence(self) -> str:
        """What has left its reference period, since when and where."""
        what, way = Watched(self.statistic).of(self.finding), "above" if self.score > 0 else "below"
        told = f"{what[0].upper()}{what[1:]} is {way} that of the reference period since the week of {self.since}"
        return f"{told}, {self.device}: {self.value:.3g} for {self.usual:.3g}."


def list_alarms(session: Session, *, ended: bool = False) -> list[Alarm]:
    """Return the alarms that stand, those that ring first; `ended` ones too, if asked for."""
    rows = session.scalars(select(AlarmRow).where(*([] if ended else [_stands()])).order_by(AlarmRow.id))
    found = [Alarm(**{name: getattr(row, name) for name in Alarm.__slots__}) for row in rows]
    return sorted(found, key=lambda one: (not one.rings, one.until is not None, -LEVELS.index(one.level), one.id))


def tell(one: Alarm) -> dict[str, Any]:
    """An alarm as JSON has it."""
    moments = {name: getattr(one, name) for name in ("since", "until", "acknowledged_at")}
    told = {name: value.isoformat() if value else None for name, value in moments.items()}
    return {**asdict(one), **told, "rings": one.rings, "sentence": one.sentence}


def ringing(session: Session) -> list[dict[str, Any]]:
    """Return the alarms that somebody must look at, as JSON has them."""
    return [tell(one) for one in list_alarms(session) if one.rings]


def turn_alarms(session: Session, made_with: MadeWith, seen: Mapping[Subject, Seen], week: date) -> None:
    """Raise, keep and end alarms by where the charts stand; `seen` holds those that are outside. week : Monday of the last.

    An alarm of other weights ends. One that was acknowledged rings again where it has become worse.
    """
    standing = {}
    for row in session.scalars(select(AlarmRow).where(_stands())):
        subject = row.device, row.statistic, row.finding
        if subject in seen and (row.weights_sha256, row.calibration_sha256) == (*made_with.series.values(),):
            standing[subject] = row
        else:
            row.until = week
            _tell(session, row, "alarm ends", TOOL)
    for subject, now in seen.items():
        if (before := standing.get(subject)) is not None:
            _keep(session, before, now)
        else:
            _raise(session, made_with, subject, now)
    session.flush()


def _stands() -> ColumnElement[bool]:
    return AlarmRow.until.is_(None)


def _keep(session: Session, row: AlarmRow, now: Seen) -> None:
    rises = LEVELS.index(now.level) > LEVELS.index(row.level)
    worse = row.known_score is not None and abs(now.score) >= WORSE * abs(row.known_score)
    row.level = now.level if rises else row.level
    row.value, row.usual, row.score = now.value, now.usual, now.score
    if rises or worse:
        row.acknowledged_by = row.acknowledged_at = row.acknowledged_why = row.known_score = None
        _tell(session, row, "alarm worsens", TOOL)


def _raise(session: Session, made_with: MadeWith, subject: Subject, now: Seen) -> None:
    device, statistic, finding = subject
    known = made_with.series | {name: getattr(now, name) for name in Seen.__slots__}
    row = AlarmRow(device=device, statistic=statistic, finding=finding, **known)
    session.add(row)
    session.flush()
    _tell(session, row, "alarm begins", TOOL)


def acknowledge(session: Session, alarm_id: int, by: str, why: str) -> None:
    """Have an alarm ring no more until it gets worse, or ends.

    Raises
    ------
    UsageError : code "alarm.unknown": none of this id stands.
    """
    row = session.scalar(select(AlarmRow).where(AlarmRow.id == alarm_id, _stands()))
    if row is None:
        raise UsageError("No alarm of this number stands.", "alarm.unknown")
    row.acknowledged_by, row.acknowledged_at, row.acknowledged_why = by, datetime.now(UTC), why
    row.known_score = row.score
    _tell(session, row, "alarm acknowledged", by, reason=why)


def _tell(session: Session, row: AlarmRow, action: str, by: str, **more: Any) -> None:
    facts = {name: getattr(row, name) for name in ("statistic", "finding", "level", "value", "usual", "score")}
    append_audit(session, by, action, f"alarm {row.id}", {**facts, **more})
