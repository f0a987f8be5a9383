"""What ties a film to its prior, fitted to real follow-ups of which nothing has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cxrreport.datasets.pairs.alignment import align
from cxrreport.datasets.pairs.nih import nih_pairs
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.drafting.table import Rows, compared, film_rows
from cxrreport.findings import CHANGED, Change
from cxrreport.model.calibration import Calibration
from cxrreport.model.comparer import Comparer, PairReading
from cxrreport.model.drafter import Drafter, take_features
from cxrreport.model.tie import Tie
from cxrreport.records import PreparedStudy
from cxrreport.trust.collections import no_reports

PAIRS = 200  # enough: one state in a thousand is then three
_BATCH = 8
_LEAST, _NEVER = 0.5, 2.0  # a pair that is not surer than even moves nothing
_STILL, _STRANGER = 0.002, 0.005  # states that may move either way of an unchanged pair, of another patient's prior
_GRID = np.arange(_LEAST, 1.0, 0.01)


@dataclass(frozen=True, slots=True)
class Beside:
    """A film and its prior as each alone shows the findings, and what both together show."""

    now: Rows
    before: Rows
    reading: PairReading

    def table(self, tie: Tie) -> Rows:
        """The table of the film beside this prior."""
        return compared(self.now, self.before, self.reading, tie)

    def moved(self, tie: Tie) -> int:
        """States that the prior moves."""
        return sum(a.state is not b.state for a, b in zip(self.now, self.table(tie), strict=True))


def read_pairs(drafter: Drafter, pairs: Iterable[PairSample], calibration: Calibration | None) -> Iterator[Beside]:
    """Pairs as `generate` reads them in an archive without reports: registered, each film judged alone, then both."""
    comparer, held = Comparer(drafter.weights), iter(pairs)
    while batch := list(islice(held, _BATCH)):
        laid = [align(pair) for pair in batch]
        films = [PreparedStudy(p.current) for p in batch] + [PreparedStudy(pixels) for pixels, _ in laid]
        features = drafter.encode(films)
        alone = drafter.read_states(features, *no_reports(drafter, len(films)))
        count = len(batch)
        now, then = (list(rows) for rows in (range(count), range(count, 2 * count)))
        readings = comparer.compare(
            take_features(features, now), take_features(features, then),
            [np.stack([p.current, pixels]) for p, (pixels, _) in zip(batch, laid, strict=True)],
            [ok for _, ok in laid], alone[:count], alone[count:],
        )  # fmt: skip
        rows = [film_rows(states, calibration) for states in alone]
        for place, reading in enumerate(readings):
            yield Beside(rows[place], rows[count + place], reading)


def unchanged(directory: Path, most: int = PAIRS, split: str = "val") -> list[PairSample]:
    """Follow-ups of a split of NIH's patients whose labels agree, one a patient.

    Raises
    ------
    UsageError : it is no directory of them.
    """
    found: dict[str, PairSample] = {}
    for pair in nih_pairs(directory, split):
        if (pair.now == pair.before).all():
            found.setdefault(pair.patient, pair)
        if len(found) == most:
            break
    return list(found.values())


def strangers(pairs: Sequence[PairSample]) -> list[PairSample]:
    """Every current film with the prior of the next pair, which is another patient's."""
    return [replace(p, prior=o.prior) for p, o in zip(pairs, [*pairs[1:], *pairs[:1]], strict=True)]


def fit_pair(drafter: Drafter, directory: Path, calibration: Calibration | None) -> dict[str, Any]:
    """The section "pair" of a calibration: the least limits with which next to nothing moves where nothing has changed."""
    pairs = unchanged(directory)
    still = list(read_pairs(drafter, pairs, calibration))
    wrong = list(read_pairs(drafter, strangers(pairs), calibration))
    tie = fit_tie(still, wrong)
    return {
        "appear": round(tie.appear, 2),
        "vanish": round(tie.vanish, 2),
        "pairs": len(pairs),
        "moved": round(share_moved(still, tie), 5),
        "moved_by_strangers": round(share_moved(wrong, tie), 5),
    }


def fit_tie(still: Sequence[Beside], wrong: Sequence[Beside]) -> Tie:
    """Limits of both kinds, each with half of what may move."""
    appear, vanish = (
        max(_least(still, changes, _STILL / 2), _least(wrong, changes, _STRANGER / 2))
        for changes in (CHANGED - {Change.RESOLVED}, {Change.RESOLVED})
    )
    return Tie(appear, vanish)


def _least(pairs: Sequence[Beside], changes: Collection[Change], most: float) -> float:
    """The least limit from which on at most this share of the states moves."""
    free = [(pair.now, pair.table(Tie(0, 0))) for pair in pairs]
    sure = np.array([
        row.change_probability
        for now, table in free for film, row in zip(now, table, strict=True)
        if row.state is not film.state and row.change in changes
    ])  # fmt: skip
    states = sum(len(now) for now, _ in free)
    fitting = (float(limit) for limit in _GRID if (sure >= limit).sum() <= most * states)
    return next(fitting, _NEVER)


def share_moved(pairs: Sequence[Beside], tie: Tie) -> float:
    """Share of all states that the priors move."""
    return sum(pair.moved(tie) for pair in pairs) / max(1, sum(len(pair.now) for pair in pairs))
