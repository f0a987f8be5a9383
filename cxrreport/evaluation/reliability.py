"""Whether a probability means what it says: expected calibration error, Brier score, and the curve behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.findings import FINDINGS

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
BINS = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of one finding in n films; curve: (mean probability, share of positives, films) of each bin that is not empty."""

    ece: float
    brier: float
    films: int
    positives: int
    curve: tuple[tuple[float, float, int], ...]


@dataclass
class Bins:
    """Probabilities beside what was true, in ten bins of equal width: their memory does not grow with what is added.

    said, true : sums of the probabilities and positives of each bin. squares : sum of the squared errors.
    """

    count: Floats = field(default_factory=lambda: np.zeros(BINS))
    said: Floats = field(default_factory=lambda: np.zeros(BINS))
    true: Floats = field(default_factory=lambda: np.zeros(BINS))
    squares: float = 0.0

    def add(self, probability: float, positive: bool) -> None:
        """Count one film."""
        place = min(int(probability * BINS), BINS - 1)
        self.count[place] += 1
        self.said[place] += probability
        self.true[place] += positive
        self.squares += (probability - positive) ** 2

    def add_all(self, probabilities: Floats, positive: Bools) -> None:
        """Count films: probabilities (n,) and labels (n,)."""
        place = np.minimum((probabilities * BINS).astype(int), BINS - 1)
        self.count += np.bincount(place, minlength=BINS)
        self.said += np.bincount(place, probabilities, BINS)
        self.true += np.bincount(place, positive, BINS)
        self.squares += float(((probabilities - positive) ** 2).sum())

    def told(self) -> Reliability:
        """What they say together; there is at least one.

        The expected calibration error is the mean distance of a bin's mean probability from its share of positives, weighted
        by films (Naeini et al., 2015).
        """
        films, least = self.count.sum(), np.maximum(self.count, 1)
        rows = zip(
            (self.said / least).tolist(), (self.true / least).tolist(), self.count.astype(int).tolist(), strict=True
        )
        return Reliability(
            float(abs(self.said - self.true).sum() / films),
            self.squares / float(films),
            int(films),
            int(self.true.sum()),
            tuple(row for row in rows if row[2]),
        )


def reliability(probabilities: Floats, positive: Bools) -> Reliability:
    """Of probabilities (n,) and labels (n,), n at least 1."""
    bins = Bins()
    bins.add_all(probabilities, positive)
    return bins.told()


def by_finding(probabilities: Floats, positive: Bools, known: Bools) -> dict[int, Reliability]:
    """Of each finding (column of (n, 14) tables) that has a positive among the films whose labels tell of it."""
    columns = range(probabilities.shape[1])
    rows = {i: known[:, i] for i in columns if (positive[:, i] & known[:, i]).any()}
    return {i: reliability(probabilities[row, i], positive[row, i]) for i, row in rows.items()}


def compare(before: Floats, after: Floats, positive: Bools, known: Bools) -> dict[str, Any]:
    """ECE and Brier score of each finding before and after, and their means, as plain values; all tables (n, 14)."""
    earlier, later = by_finding(before, positive, known), by_finding(after, positive, known)
    rows: dict[str, dict[str, Any]] = {
        FINDINGS[i]: {
            "films": row.films,
            "positives": row.positives,
            "ece": _pair(earlier[i].ece, row.ece),
            "brier": _pair(earlier[i].brier, row.brier),
        }
        for i, row in later.items()
    }
    return {"findings": rows, "mean": {name: _mean([row[name] for row in rows.values()]) for name in ("ece", "brier")}}


def _mean(pairs: list[dict[str, float]]) -> dict[str, float]:
    return _pair(*(float(np.mean([pair[when] for pair in pairs])) for when in ("before", "after")))


def _pair(before: float, after: float) -> dict[str, float]:
    return {"before": round(before, 4), "after": round(after, 4)}
