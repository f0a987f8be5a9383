"""Drift: whether films, drafts and what is signed of them are still as in the reference period. docs/trust.md, Drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from cxrreport.drafts import MadeWith
from cxrreport.errors import UsageError
from cxrreport.log import get_log
from cxrreport.settings import Settings
from cxrreport.store import alarms, periods
from cxrreport.store.alarms import Seen
from cxrreport.store.engine import held_archive, open_archive, session
from cxrreport.store.periods import Period
from cxrreport.store.weeks import WEEK, drafts_by_week, sums_by_week
from cxrreport.trust.agreement import Transact
from cxrreport.trust.periods import keep_first, keep_own, monday, own_sums
from cxrreport.trust.policy import Drift, load_policy
from cxrreport.trust.used import in_use

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.trust.board import Board, Chart

WATCHED = 26  # weeks that a chart goes back; older ones weigh nothing in it
CODE = "drift.alarm"


def watch(settings: Settings, transact: Transact, now: datetime) -> list[dict[str, Any]]:
    """Draw all charts of the weeks that are over, raise and end alarms; return those that ring, as JSON has them.

    now : by the hospital's clock. Nothing is watched until the reference period is over.
    """
    policy, made = load_policy(settings.trust).drift, in_use(settings)
    board: Board | None = transact(partial(_draw, keep=True), made, policy, now)
    transact(_turn, made, board, now)
    found: list[dict[str, Any]] = transact(alarms.ringing)
    for one in found:
        get_log().warning(CODE, **{name: one[name] for name in ("id", "statistic", "finding")})
    return found


def _draw(s: Session, made: MadeWith, policy: Drift, now: datetime, *, keep: bool) -> Board | None:
    """Draw the board; None while it has no reference period. keep : find the periods that are not there yet, too."""
    from cxrreport.trust.board import draw  # imports scipy, for which `trust gates` need not wait

    period = periods.reference_period(s, made) or (keep_first(s, made, policy, now.date()) if keep else None)
    if period is None:
        return None
    since, until = period[0], period[1] + timedelta(days=1)
    end = monday(now.date())
    begin = max(monday(until + timedelta(days=6)), end - WATCHED * WEEK)
    weeks = [begin + number * WEEK for number in range((end - begin) // WEEK)]
    usual, recent = list(sums_by_week(s, made, since, until)), list(sums_by_week(s, made, begin, end))
    if keep:
        keep_own(s, made, usual, recent, policy)
    return draw(usual, recent, weeks, policy, own_sums(s, made))


def _turn(s: Session, made: MadeWith, board: Board | None, now: datetime) -> None:
    seen = {chart.subject: one for chart in board.charts if (one := _seen(board, chart))} if board else {}
    alarms.turn_alarms(s, made, seen, monday(now.date()) - WEEK)


def _seen(board: Board, chart: Chart) -> Seen | None:
    """Where a chart stands that is outside its limits."""
    outside = list(takewhile(board.level, reversed(chart.points)))
    if not outside or chart.now is None:
        return None
    since = board.weeks[-len(outside)]
    return Seen(board.level(chart.now), since, chart.now.mean, chart.reference.mean, chart.now.score)


# -- for people -------------------------------------------------------------------------------------------------------


def show_drift(settings: Settings, now: datetime) -> dict[str, Any]:
    """What `trust drift --json` prints: reference period, limits, charts with their last week and course, and alarms."""
    made, policy = in_use(settings), load_policy(settings.trust).drift
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        period, board = periods.reference_period(s, made), _draw(s, made, policy, now, keep=False)
        found = alarms.list_alarms(s, ended=True)
    return {
        "reference": _told(period),
        "limits": {"watch": board.limits[0], "alarm": board.limits[1]} if board else None,
        "weeks": [week.isoformat() for week in board.weeks] if board else [],
        "charts": [_chart(board, chart) for chart in board.charts] if board else [],
        "alarms": [alarms.tell(one) for one in found],
    }


def _chart(board: Board, chart: Chart) -> Mapping[str, Any]:
    device, statistic, finding = chart.subject
    named = {"device": device, "statistic": statistic, "finding": finding, "usual": chart.reference.mean}
    course = [asdict(point) if point else None for point in chart.points]
    return {**named, "own_reference": _told(chart.period), "level": board.level(chart.now), "course": course}


def _told(period: Period | None) -> dict[str, str] | None:
    return {"since": period[0].isoformat(), "until": period[1].isoformat()} if period else None


def set_reference(settings: Settings, since: date, until: date, by: str, why: str, now: datetime) -> None:
    """Hold the drafts of the weights in use beside these whole weeks.

    Raises
    ------
    UsageError : they are none, not over, or without enough drafts. LockedError : a run is at work.
    """
    since, until = monday(since), monday(until) + timedelta(days=6)
    made, policy = in_use(settings), load_policy(settings.trust).drift
    with held_archive(settings) as engine, session(engine) as s:
        if since > until or until >= now.date():
            raise UsageError("A reference period is of whole weeks that are over.")
        drafts = sum(drafts_by_week(s, made, since, until + timedelta(days=1)).values())
        if drafts < policy.studies:
            raise UsageError(f"The period has {drafts} drafts, fewer than {policy.studies}.")
        periods.keep_reference(s, made, (since, until), by, why)


def acknowledge(settings: Settings, alarm_ids: Sequence[int], by: str, why: str) -> None:
    """All or none of them, as `store.alarms.acknowledge`. Raises LockedError where a run is at work."""
    with held_archive(settings) as engine, session(engine) as s:
        for alarm_id in alarm_ids:
            alarms.acknowledge(s, alarm_id, by, why)
