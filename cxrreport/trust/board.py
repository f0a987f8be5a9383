"""The board of control charts: every statistic of every group of devices, beside its reference period."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cxrreport.drafts import LEVELS, Watched
from cxrreport.store.alarms import Subject
from cxrreport.store.periods import Period
from cxrreport.store.weeks import Cell, Sums
from cxrreport.trust.charts import Point, Reference, add, course, fit, limit
from cxrreport.trust.periods import ALL, Own, named
from cxrreport.trust.policy import Drift
from cxrreport.trust.pooling import OTHERS

Weeks = dict[date, Cell]


@dataclass(frozen=True, slots=True)
class Chart:
    """One statistic of one group: what is usual, and its course from the first watched week on.

    period : the reference period where it is the device's own; None where it is that of the board.
    """

    subject: Subject
    reference: Reference
    points: list[Point | None]
    period: Period | None = None

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


def draw(
    usual: Sequence[Sums],
    recent: Iterable[Sums],
    weeks: Sequence[date],
    policy: Drift,
    own: Mapping[str, Own] | None = None,
) -> Board:
    """Draw all charts that have studies enough in their reference period.

    usual : sums of the period of the board. recent : of `weeks`. own : devices that are new since that period, with
    one of their own.
    """
    large = named(usual, policy.studies)
    own = {device: one for device, one in (own or {}).items() if device not in large}
    group = _grouped(large, own)
    before = {key: cells for key, cells in _gather(usual, group).items() if key[0] not in own}
    later = _gather((one for device in own.values() for one in device.sums), lambda device: (device,))
    after, charts = _gather(recent, group), []
    for key, reference in [*_fitted(before, {}, policy), *_fitted(later, before, policy)]:
        period = own[key[0]].period if key[0] in own else None
        cells = (after.get(key, {}).get(week, Cell()) if not period or week > period[1] else Cell() for week in weeks)
        charts.append(Chart(key, reference, course(reference, cells), period))
    watch, alarm = (limit(len(charts), years) for years in (policy.watch, policy.years))
    return Board(list(weeks), charts, (watch, alarm))


def _fitted(
    cells: Mapping[Subject, Weeks], beside: Mapping[Subject, Weeks], policy: Drift
) -> Iterator[tuple[Subject, Reference]]:
    """References of what has studies enough. beside : what tells too how weeks of such charts differ."""
    for statistic in Watched:
        keys, others = (sorted(_of(one, statistic, policy)) for one in (cells, beside))
        weeks = [[*cells[key].values()] for key in keys] + [[*beside[key].values()] for key in others]
        yield from zip(keys, fit(weeks, ratio=statistic is Watched.OBSERVED))


def _of(cells: Mapping[Subject, Weeks], statistic: str, policy: Drift) -> Iterator[Subject]:
    """Subjects of a statistic with a reference: studies enough, and something to be expected in them."""
    for key, weeks in cells.items():
        whole = add(weeks.values()) if key[1] == statistic else Cell()
        if whole.studies >= policy.studies and whole.exposure > 0:
            yield key


def _grouped(large: Collection[str], new: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Groups that a device is in: all, and its own if it has a name here, else that of the others.

    Where only one device, or none, was large in the reference period, all of that period are one group: a chart more would
    say the same as theirs, and widen the limits.
    """
    apart = len(large) > 1
    names, others = {*(large if apart else ()), *new}, (OTHERS,) if apart else ()
    return lambda device: (ALL, device) if device in names else (ALL, *others)


def _gather(sums: Iterable[Sums], group: Callable[[str], tuple[str, ...]]) -> Mapping[Subject, Weeks]:
    """Cells by group, statistic, finding and week."""
    found: dict[Subject, Weeks] = {}
    for one in sums:
        for device in group(one.device):
            weeks = found.setdefault((device, one.statistic, one.finding), {})
            weeks[one.week] = weeks.get(one.week, Cell()) + one.cell
    return found
