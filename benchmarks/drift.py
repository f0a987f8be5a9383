"""How often the drift alarm rings in quiet years, and how soon after a change: made-up weeks through the real charts.

    python -m benchmarks.drift                    # 100 quiet years, 20 of each change
    python -m benchmarks.drift --years 2 --runs 1

A hospital of five devices (about 370 studies a week, none on some days, a third in two weeks of holidays) drafts with 14
findings whose shares differ from week to week (5 %) and from day to day (20 %); four of five drafts are judged. Nothing is
read but seeds, so that every call prints the same. Beside it a plain Shewhart chart: each week alone, 3 standard errors
within the week, no correction for their number (Montgomery, Introduction to Statistical Quality Control).
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from statistics import mean, median
from typing import Any

import numpy as np

from benchmarks.arguments import make_parser, positive
from benchmarks.tables import table
from cxrreport.drafts import Watched
from cxrreport.findings import FINDINGS
from cxrreport.store.weeks import WEEK, Cell, Sums
from cxrreport.trust.board import Board, Chart, draw
from cxrreport.trust.periods import Own, first_weeks, named
from cxrreport.trust.policy import Drift, default_policy

DEVICES = {"A": 150, "B": 90, "C": 60, "D": 40, "E": 30}  # studies a week
SHARES = np.array([0.18, 0.12, 0.25, 0.05, 0.08, 0.06, 0.03, 0.15, 0.02, 0.14, 0.03, 0.04, 0.20, 0.30])
QUIET, SHIFTED, AFTER = 52, 8, 16  # weeks that are watched: of a quiet year; before and after a change
ARRIVES = 8  # weeks that are watched before a new device
NEW_A_WEEK = (90, 30)  # studies of it
CHANGED = "B"  # the device that changes, or is new
NEW: Mapping[str, float] = {"distance": 1.0, "share": 1.5}  # in what a new device is unlike the others
FINDING = FINDINGS.index("edema")
Change = Mapping[str, float]
CHANGES: Mapping[str, tuple[Change, tuple[Watched, ...]]] = {
    "films lie .25 sd farther off": ({"distance": 0.25}, (Watched.DISTANCE,)),
    "films lie .5 sd farther off": ({"distance": 0.5}, (Watched.DISTANCE,)),
    "films lie 1 sd farther off": ({"distance": 1.0}, (Watched.DISTANCE,)),
    "edema half as often again": ({"share": 1.5}, (Watched.CALLED, Watched.PROBABILITY)),
    "edema twice as often": ({"share": 2.0}, (Watched.CALLED, Watched.PROBABILITY)),
    "log odds of all findings .5 too high": ({"offset": -0.5}, (Watched.OBSERVED,)),
    "log odds of all findings 1 too high": ({"offset": -1.0}, (Watched.OBSERVED,)),
    "slope of all log odds .6": ({"slope": 0.6}, (Watched.OBSERVED,)),
    "errors a draft half as many again": ({"errors": 1.5}, (Watched.ERRORS,)),
}


def weeks_of(
    rng: np.random.Generator, number: int, change: Change | None = None, at: int = 0, season: float = 0.0,
    begins: int = 0, devices: Mapping[str, int] = DEVICES,
) -> Iterator[Sums]:  # fmt: skip
    """Sums of so many weeks; `change` holds for one device from week `at` on. season : swing of all shares in a year.

    begins : week in which that device, if not of the first, comes into use, with films and findings unlike those of others.
    devices : studies a week of each.
    """
    for week in range(number):
        swing = 1 + season * np.sin(2 * np.pi * week / 52)
        for device, studies in devices.items():
            if device == CHANGED and week < begins:
                continue
            now = change if change and device == CHANGED and week >= at else {}
            now = {**NEW, **now} if begins and device == CHANGED else now
            yield from _week(rng, week, device, studies, swing, now)


def _week(
    rng: np.random.Generator, week: int, device: str, studies: int, swing: float, change: Change
) -> Iterator[Sums]:
    day = _days(rng, studies * (0.3 if week % 52 in (24, 51) else 1.0))
    shares = SHARES * swing * rng.lognormal(0, 0.05, 14) * rng.lognormal(0, 0.2, (7, 14))
    shares[:, FINDING] *= change.get("share", 1.0)
    likely = np.clip(shares, 0.001, 0.9)[day]
    scores = rng.beta(4 * likely, 4 * (1 - likely)).clip(1e-4, 1 - 1e-4)
    odds = np.log(scores / (1 - scores)) * change.get("slope", 1.0) + change.get("offset", 0.0)
    signed = rng.random(scores.shape) < 1 / (1 + np.exp(-odds))
    far = rng.lognormal(0, 0.03) * rng.gamma(8, 1 / 16, len(day)) + change.get("distance", 0.0) * np.sqrt(8) / 16
    errors = rng.poisson(0.3 * rng.lognormal(0, 0.05) * change.get("errors", 1.0), len(day))
    judged = rng.random(len(day)) < 0.8
    edits = rng.beta(2, 3, len(day))
    of_drafts = {
        Watched.DISTANCE: far, Watched.ABSTAINED: rng.random(len(day)) < 0.03,
        Watched.ERRORS: errors[judged], Watched.EDITS: edits[judged],
    }  # fmt: skip
    monday = date(2024, 1, 1) + week * WEEK
    for name, values in of_drafts.items():
        yield Sums(monday, device, name, "", cell(values))
    for place, finding in enumerate(FINDINGS):
        p, y = scores[:, place], signed[:, place]
        yield Sums(monday, device, Watched.CALLED, finding, cell(p >= 0.5))
        yield Sums(monday, device, Watched.PROBABILITY, finding, cell(p))
        told = Cell(int(judged.sum()), float(p[judged].sum()), float(y[judged].sum()), float((p[judged] ** 2).sum()))
        yield Sums(monday, device, Watched.OBSERVED, finding, told)


def _days(rng: np.random.Generator, studies: float) -> np.ndarray:
    """Weekday of each study of a week."""
    usual = np.array([0.19, 0.18, 0.18, 0.18, 0.17, 0.05, 0.05]) * studies
    counts = rng.poisson(usual * rng.gamma(20, 1 / 20, 7) * (rng.random(7) > 0.03))
    return np.repeat(np.arange(7), counts)


def cell(values: np.ndarray) -> Cell:
    """Sums of values."""
    numbers = values.astype(float)
    return Cell(len(numbers), float(len(numbers)), float(numbers.sum()), float((numbers**2).sum()))


def board_of(sums: Sequence[Sums], policy: Drift) -> Board:
    """The board whose reference period are the first weeks; a new device comes to one of its own."""
    begin = date(2024, 1, 1) + policy.weeks * WEEK
    last = max(one.week for one in sums)
    weeks = [begin + number * WEEK for number in range((last - begin) // WEEK + 1)]
    usual, recent = [s for s in sums if s.week < begin], [s for s in sums if s.week >= begin]
    periods = first_weeks(recent, named(usual, 1), policy)
    found = {
        device: Own(period, [s for s in recent if s.device == device and s.week <= period[1]])
        for device, period in periods.items()
    }
    return draw(usual, recent, weeks, policy, found)


# -- what rings -------------------------------------------------------------------------------------------------------


def levels(board: Board, chart: Chart) -> list[str]:
    """Level of each week, as it stands in the table of alarms: one that has begun goes on until the chart is back."""
    found, before = [], ""
    for point in chart.points:
        now = board.level(point)
        before = "alarm" if now and before == "alarm" else now
        found.append(before)
    return found


def begun(found: Sequence[str], level: str) -> int:
    """How often a level begins."""
    return sum(now == level != before for before, now in zip(["", *found], found))


def shewhart(chart: Chart) -> list[str]:
    """Weeks alone, 3 standard errors within the week."""
    usual = chart.reference
    found = []
    for point in chart.points:
        seen = point is not None and point.value is not None and point.studies
        far = seen and abs(point.value - usual.mean) > 3 * (usual.variance / point.studies) ** 0.5
        found.append("alarm" if far else "")
    return found


def new_devices(years: int, runs: int, policy: Drift) -> list[dict[str, Any]]:
    """Alarms of a device that is new, beside a reference period of its own: of years in which it stays as it is, and where
    its films come to lie 1 sd farther off."""
    return [_new_device(a_week, years, runs, policy) for a_week in NEW_A_WEEK]


def _new_device(a_week: int, years: int, runs: int, policy: Drift) -> dict[str, Any]:
    devices, begins = {**DEVICES, CHANGED: a_week}, policy.weeks + ARRIVES
    own, others, first = [], [], []
    for seed in range(years):
        rng = np.random.default_rng([3, seed])
        board = board_of([*weeks_of(rng, begins + QUIET, begins=begins, devices=devices)], policy)
        own.append(sum(begun(levels(board, chart), "alarm") for chart in board.charts if chart.period))
        before = (chart for chart in board.charts if not chart.period and chart.subject[0] in DEVICES)
        others.append(sum(begun(levels(board, chart), "alarm") for chart in before) / (len(DEVICES) - 1))
    at = begins + policy.weeks + SHIFTED
    for seed in range(runs):
        rng, farther = np.random.default_rng([4, seed]), {"distance": NEW["distance"] + 1.0}
        board = board_of([*weeks_of(rng, at + AFTER, farther, at, begins=begins, devices=devices)], policy)
        charts = (chart for chart in board.charts if chart.period and chart.subject[1] == Watched.DISTANCE)
        first.append(_first((levels(board, chart) for chart in charts), at - policy.weeks))
    return {
        "studies a week": a_week, "years": years, "its alarms a year": mean(own),
        "years with one": sum(number > 0 for number in own) / years, "of each device before": mean(others),
        "runs": runs, "rang": _rang(first), "week": _week_of(first),
    }  # fmt: skip


def quiet_years(years: int, policy: Drift, season: float = 0.0) -> dict[str, Any]:
    """Alarms and watches that begin in a year of which nothing is to be told, and the same of the peer."""
    alarms, watches, peers, charts = [], [], [], 0
    for seed in range(years):
        board = board_of([*weeks_of(np.random.default_rng([1, seed]), policy.weeks + QUIET, season=season)], policy)
        told = [levels(board, chart) for chart in board.charts]
        alarms.append(sum(begun(one, "alarm") for one in told))
        watches.append(sum(any(one) for one in told))
        peers.append(sum(begun(shewhart(c), "alarm") for c in board.charts if c.subject[1] != Watched.OBSERVED))
        charts = len(board.charts)
    rang = sum(number > 0 for number in alarms) / years
    return {
        "reference weeks": policy.weeks, "season": season, "years": years, "charts": charts,
        "alarms a year": mean(alarms), "years with an alarm": rang,
        "charts watched a year": mean(watches), "Shewhart alarms a year": mean(peers),
    }  # fmt: skip


def changes(runs: int, policy: Drift) -> list[dict[str, Any]]:
    """Of each change, week of the first alarm of the statistics that it moves, of its device or all; None where none rang."""
    return [_changed(name, *one, runs, policy) for name, one in CHANGES.items()]


def _changed(name: str, change: Change, moved: Sequence[Watched], runs: int, policy: Drift) -> dict[str, Any]:
    own, peer = [], []
    for seed in range(runs):
        at = policy.weeks + SHIFTED
        board = board_of([*weeks_of(np.random.default_rng([2, seed]), at + AFTER, change, at)], policy)
        charts = [c for c in board.charts if c.subject[0] in (CHANGED, "all devices") and c.subject[1] in moved]
        own.append(_first(levels(board, chart) for chart in charts))
        peer.append(_first(shewhart(chart) for chart in charts if Watched.OBSERVED not in moved))
    return {"change": name, "runs": runs, "rang": _rang(own), "week": _week_of(own), "Shewhart": _week_of(peer)}


def _first(charts: Iterator[list[str]], at: int = SHIFTED) -> int | None:
    """Weeks from the change, before which so many were watched, to the first alarm; 1 where its first week rings."""
    found = [week for levels in charts for week, level in enumerate(levels[at:], 1) if level == "alarm"]
    return min(found, default=None)


def _rang(weeks: Sequence[int | None]) -> float:
    return sum(week is not None for week in weeks) / len(weeks)


def _week_of(weeks: Sequence[int | None]) -> float | None:
    """Median week; None where fewer than half rang."""
    found = median(week if week is not None else AFTER + 1 for week in weeks)
    return None if found > AFTER else found


# -- the tables -------------------------------------------------------------------------------------------------------


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print Markdown."""
    columns = list(rows[0])
    print("\n".join(table(title, "", columns, [[_text(row[name]) for name in columns] for row in rows])), flush=True)


def _text(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--years", type=positive, default=100, help="quiet years (default 100)")
    parser.add_argument("--runs", type=positive, default=20, help="hospitals of each change (default 20)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all tables."""
    asked, policy = parse(arguments), default_policy().drift
    show("Changes", changes(asked.runs, policy))
    few, whole = max(asked.years // 5, 1), policy.model_copy(update={"weeks": 52})
    seasons = [quiet_years(few, reference, season) for reference in (policy, whole) for season in (0.1, 0.2)]
    show("Quiet years", [quiet_years(asked.years, policy), *seasons])
    show("New devices", new_devices(asked.years, asked.runs, policy))


if __name__ == "__main__":
    main()
