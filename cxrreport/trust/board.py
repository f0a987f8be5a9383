"""The board of control charts: every statistic of every group of devices, beside its reference period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cxrreport.drafts import LEVELS, Watched
from cxrreport.store.alarms import Subject
from cxrreport.store.weeks import Cell, Sums
from cxrreport.trust.charts import Point, Reference, add, course, fit, limit
from cxrreport.trust.policy import Drift
from cxrreport.trust.pooling import OTHERS

ALL = "all devices"
_NO_NAMES = ("", ALL, OTHERS)  # a tag may hold any name
Weeks = dict[date, Cell]


@dataclass(frozen=True, slots=True)
class Chart:
    """One statistic of one group: what is usual, and its course from the first watched week on."""

    subject: Subject
    reference: Reference
    points: list[Point | None]

    @property
    def now(self) -> Point | None:
        """The last week; None where there was no study in any."""
        return self.points[-1] if self.points else None


@dataclass(frozen=True, slots=True)
class Board:
    """All charts. weeks : their Mondays. limits : scores from which on a chart is watched, and from which on it is an alarm."""

    weeks: list[date]
    charts: list[Chart]
    limits: tuple[float, float]

    def level(self, point: Point | None) -> str:
        """ "watch", "alarm", or "" within the limits."""
        passed = [name for name, bound in zip(LEVELS, self.limits, strict=True) if point and abs(point.score) >= bound]
        return passed[-1] if passed else ""


def draw(usual: Iterable[Sums], recent: Iterable[Sums], weeks: Sequence[date], policy: Drift) -> Board:
    """Draw all charts that the reference period has enough studies for. usual : sums of that period; recent : of `weeks`."""
    usual = list(usual)
    group = grouped(usual, policy.studies)
    before, after = gather(usual, group), gather(recent, group)
    enough = {key: cells for key, cells in before.items() if _suffices(add(cells.values()), policy)}
    charts = []
    for statistic in Watched:
        keys = sorted(key for key in enough if key[1] == statistic)
        known = fit([list(enough[key].values()) for key in keys], ratio=statistic is Watched.OBSERVED)
        for key, reference in zip(keys, known, strict=True):
            cells = after.get(key, {})
            charts.append(Chart(key, reference, course(reference, (cells.get(week, Cell()) for week in weeks))))
    watch, alarm = (limit(len(charts), years) for years in (policy.watch, policy.years))
    return Board(list(weeks), charts, (watch, alarm))


def _suffices(whole: Cell, policy: Drift) -> bool:
    """Whether a chart has a reference: studies enough, and something to be expected in them."""
    return whole.studies >= policy.studies and whole.exposure > 0


def grouped(usual: Iterable[Sums], least: int) -> Callable[[str], tuple[str, ...]]:
    """Groups that a device is in: all, and its own if it had as many drafts in the reference period, else that of the others.

    Where only one device, or none, had as many, all are one group.
    """
    drafts: Counter[str] = Counter()
    for one in usual:
        if one.statistic == Watched.ABSTAINED:
            drafts[one.device] += one.cell.studies
    named = {device for device, number in drafts.items() if number >= least and device not in _NO_NAMES}
    if len(named) < 2:
        return lambda _: (ALL,)
    return lambda device: (ALL, device if device in named else OTHERS)


def gather(sums: Iterable[Sums], group: Callable[[str], tuple[str, ...]]) -> Mapping[Subject, Weeks]:
    """Cells by group, statistic, finding and week."""
    found: dict[Subject, Weeks] = {}
    for one in sums:
        for device in group(one.device):
            weeks = found.setdefault((device, one.statistic, one.finding), {})
            weeks[one.week] = weeks.get(one.week, Cell()) + one.cell
    return found
