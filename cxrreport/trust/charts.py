"""Control charts of weekly numbers: exponentially weighted means beside a fixed reference period.

A statistic is a sum over the studies of a week beside its exposure: how many studies there were, or how many were
expected. Weeks fade by `FADE` (EWMA; Roberts, Technometrics 1959), sum and exposure alike, so that a week of few studies
says little and one without any nothing. The variance of the weighted mean is exact from the first week on (Lucas and
Saccucci, Technometrics 1990); it holds what studies differ by, what weeks differ by beyond that (Laney, Quality
Engineering 2002), and that the reference itself was measured in a few weeks (Jensen et al., J Quality Technology 2006).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, ndtri

from cxrreport.store.weeks import Cell

FADE = 0.2  # weight of the newest week; chosen in benchmarks/drift.py
STEADY = 0.02  # weeks of one machine differ by this share of the mean at least, however many studies there are
LARGEST = 37.0  # score; farther out nothing can be told apart
WEEKS_A_YEAR = 365.25 / 7
Floats = npt.NDArray[np.float64]


def add(cells: Iterable[Cell]) -> Cell:
    """All together."""
    whole = Cell()
    for cell in cells:
        whole += cell
    return whole


@dataclass(frozen=True, slots=True)
class Reference:
    """What is usual: mean of a unit of exposure, variance of it within a week, squared share by which weeks differ beyond it.

    unsure : squared relative error of the mean itself.
    """

    mean: float
    variance: float
    excess: float
    unsure: float

    def spread(self, exposure: float) -> float:
        """Variance of the sum of a week."""
        return self.variance * exposure + self.excess * (self.mean * exposure) ** 2


def _usual(cells: Sequence[Cell], ratio: bool) -> tuple[float, float]:
    """Mean and variance of a unit of exposure. Half a hit is added, so that what was never seen is rare, not impossible."""
    whole = add(cells)
    added = 0.5 if ratio else 1.0
    mean = (whole.total + 0.5) / (whole.exposure + added)
    if ratio:  # a sum of Bernoulli trials, each with its own probability
        return mean, mean * max(1 - whole.squares / whole.exposure, 0.05)
    return mean, max((whole.squares + 0.5) / (whole.exposure + added) - mean**2, 0.0)


def _moments(cells: Sequence[Cell], mean: float, variance: float) -> tuple[float, float]:
    """Two sums whose quotient is the excess (method of moments)."""
    seen = [cell for cell in cells if cell.exposure]
    beyond = sum((cell.total - mean * cell.exposure) ** 2 - variance * cell.exposure for cell in seen)
    return beyond, sum((mean * cell.exposure) ** 2 for cell in seen)


def fit(charts: Sequence[Sequence[Cell]], ratio: bool = False) -> list[Reference]:
    """Reference of each chart of one kind, from its weeks; all have some exposure.

    The excess is that of the chart or of all charts of its kind, whichever is larger: a few weeks alone tell it badly.
    """
    usual = [_usual(cells, ratio) for cells in charts]
    moments = [_moments(cells, *one) for cells, one in zip(charts, usual, strict=True)]
    pooled = _quotient(sum(beyond for beyond, _ in moments), sum(square for _, square in moments))
    found = []
    for cells, (mean, variance), own in zip(charts, usual, moments, strict=True):
        excess = max(_quotient(*own), pooled, STEADY**2)
        known = Reference(mean, variance, excess, 0.0)
        whole = mean * sum(cell.exposure for cell in cells)
        unsure = sum(known.spread(cell.exposure) for cell in cells) / whole**2
        found.append(Reference(mean, variance, excess, unsure))
    return found


def _quotient(beyond: float, square: float) -> float:
    return max(beyond / square, 0.0) if square else 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """One week of a chart. studies, value : of the week, the value None without any. mean : weighted, of the weeks so far.

    score : how far the mean is from the reference, in standard errors; below 0 where it is lower.
    """

    studies: int
    value: float | None
    mean: float
    score: float


def course(reference: Reference, weeks: Iterable[Cell]) -> list[Point | None]:
    """The chart of these weeks, the oldest first; None before the first week with a study."""
    total = expected = variance = 0.0
    before, seen, ratios, variances = 0, [], [], []
    for week in weeks:
        total = (1 - FADE) * total + week.total
        expected = (1 - FADE) * expected + reference.mean * week.exposure
        variance = (1 - FADE) ** 2 * variance + reference.spread(week.exposure)
        if expected:
            seen.append(week)
            ratios.append(total / expected)
            variances.append(variance / expected**2 + reference.unsure)
        else:
            before += 1
    scores = _scores(np.array(ratios), np.array(variances))
    drawn = (_point(reference, *one) for one in zip(seen, ratios, scores.tolist(), strict=True))
    return [None] * before + list(drawn)


def _point(reference: Reference, week: Cell, ratio: float, score: float) -> Point:
    value = week.total / week.exposure if week.exposure else None
    return Point(week.studies, value, reference.mean * ratio, score)


def _scores(ratios: Floats, variances: Floats) -> Floats:
    """Normal scores of positive quantities of mean 1 with these variances, each tail by what errs on the quiet side.

    Numbers of few studies are skewed: normal limits would ring too often above. Above, the tail is that of a gamma
    distribution, as sums of probabilities have it; below, that of a count (Poisson, mid-p), which may well be 0.
    """
    counts = 1 / variances
    above = -ndtri(gammaincc(counts, counts * ratios))
    below = ndtri(gammaincc(counts * ratios + 0.5, counts))
    return np.clip(np.where(ratios >= 1, np.maximum(above, 0.0), np.minimum(below, 0.0)), -LARGEST, LARGEST)


def limit(charts: int, years: float) -> float:
    """Score that a board of so many charts passes about once in these years (Bonferroni, both sides, once a week)."""
    return NormalDist().inv_cdf(1 - 1 / (2 * max(charts, 1) * max(years * WEEKS_A_YEAR, 1)))
