"""Which weeks drafts are held beside: the first of all devices together, and of a device that is new since then its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cxrreport.drafts import MadeWith, Watched
from cxrreport.store import periods
from cxrreport.store.periods import Period
from cxrreport.store.runs import TOOL
from cxrreport.store.weeks import WEEK, Sums, drafts_by_week, sums_by_week
from cxrreport.trust.policy import Drift
from cxrreport.trust.pooling import OTHERS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ALL = "all devices"
_NO_NAMES = ("", ALL, OTHERS)  # a tag may hold any name
_YEAR, _DAY = timedelta(days=365), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Own:
    """A device with a reference period of its own, and the sums of its studies in it."""

    period: Period
    sums: Sequence[Sums]


def monday(day: date) -> date:
    """First day of the week."""
    return day - timedelta(days=day.weekday())


def keep_first(s: Session, made: MadeWith, policy: Drift, today: date) -> Period | None:
    """Find the first weeks of the last year that are over and hold enough drafts, and keep them."""
    end = monday(today)
    counts = drafts_by_week(s, made, monday(end - _YEAR), end)
    full = [week for week, number in counts.items() if number >= policy.drafts][: policy.weeks]
    if len(full) < policy.weeks:
        return None
    period, why = (full[0], _last_day(full[-1])), f"the first {policy.weeks} weeks with {policy.drafts} drafts or more"
    periods.keep_reference(s, made, period, TOOL, why)
    return period


def keep_own(s: Session, made: MadeWith, usual: Iterable[Sums], recent: Iterable[Sums], policy: Drift) -> None:
    """Keep the first weeks of each device that is new, where they suffice. usual, recent : as `board.draw`."""
    known = named(usual, 1) | periods.own_periods(s, made).keys()
    why = f"the first {policy.weeks} weeks of a new device, with {policy.studies} drafts or more"
    for device, period in first_weeks(recent, known, policy).items():
        periods.keep_reference(s, made, period, TOOL, why, device)


def own_sums(s: Session, made: MadeWith) -> dict[str, Own]:
    """Read what devices with a period of their own did in it."""
    found = {}
    for device, (since, until) in periods.own_periods(s, made).items():
        sums = sums_by_week(s, made, since, until + _DAY)
        found[device] = Own((since, until), [one for one in sums if one.device == device])
    return found


def named(usual: Iterable[Sums], least: int) -> set[str]:
    """Devices that have so many drafts, or more."""
    drafts: Counter[str] = Counter()
    for one in _drafts(usual):
        drafts[one.device] += one.cell.studies
    return {device for device, number in drafts.items() if number >= least}


def first_weeks(recent: Iterable[Sums], known: Collection[str], policy: Drift) -> dict[str, Period]:
    """First and last day of the first weeks of each device that is not known, where they suffice for a reference.

    They are as many weeks with a draft as a reference period has, and hold as many drafts as a device needs in one.
    """
    weeks: dict[str, Counter[date]] = {}
    for one in _drafts(recent):
        if one.device not in known:
            weeks.setdefault(one.device, Counter())[one.week] += one.cell.studies
    found = ((device, _first(counts, policy)) for device, counts in weeks.items())
    return {device: period for device, period in found if period}


def _first(counts: Mapping[date, int], policy: Drift) -> Period | None:
    weeks = sorted(counts)[: policy.weeks]
    suffice = len(weeks) == policy.weeks and sum(counts[week] for week in weeks) >= policy.studies
    return (weeks[0], _last_day(weeks[-1])) if suffice else None


def _drafts(sums: Iterable[Sums]) -> Iterator[Sums]:
    """The one statistic that every draft has, of devices with a name."""
    return (one for one in sums if one.statistic == Watched.ABSTAINED and one.device not in _NO_NAMES)


def _last_day(week: date) -> date:
    return week + WEEK - _DAY
