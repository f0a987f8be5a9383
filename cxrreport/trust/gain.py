"""What another way from scores to probabilities brings in the same films: its errors, and the interval of the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxrreport.evaluation.counts import draw_counts, interval
from cxrreport.evaluation.reliability import compare
from cxrreport.findings import NO_FINDING, State
from cxrreport.model.calibration import Calibration
from cxrreport.trust.scored import Floats, Scored

_LEAST = 1e-6  # a probability that is nearer to 0 or 1 counts as this: one claim must not outweigh all others
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Way:
    """Probabilities (n, 14) of the findings in n films, and states (n, 14); None where nobody decides them."""

    probabilities: Floats
    states: np.ndarray | None = None

    @classmethod
    def of(cls, calibration: Calibration | None, scored: Scored) -> Way:
        """That of a calibration; without one the scores are what is told."""
        if calibration is None:
            return cls(scored.scores)
        probabilities, states = calibration.apply_all(scored.scores, scored.views)
        return cls(probabilities, np.array(states, object))


def gains(before: Way, after: Way, films: Scored) -> dict[str, dict[str, Any]]:
    """Mean of each measure before and after, what is gained, and the ends of the 95 % interval of that.

    `log_loss` (nats) and `brier` are means over all claims, a claim being one of the 13 gated findings in one film whose report
    tells of it. `wrong` and `missed` are counts a film: findings called or denied that are not so, and those that are there
    and not called. The interval is a percentile bootstrap over patients (1,000 draws), whose films belong together. `ece` is
    the mean of the findings' expected calibration errors, without an interval.
    """
    shares = {name: _difference(*_sums(name, before, after, films)) for name in _MEASURES}
    if before.states is not None and after.states is not None:
        shares |= {name: _difference(*_sums(name, before, after, films)) for name in _COUNTS}
    mean = compare(
        before.probabilities[:, :NO_FINDING], after.probabilities[:, :NO_FINDING], films.positive, films.known
    )
    return {**shares, "ece": {**mean["mean"]["ece"], "gain": round(_gain(mean["mean"]["ece"]), _DIGITS)}}


def _gain(pair: Mapping[str, float]) -> float:
    return pair["before"] - pair["after"]


def _log_loss(way: Way, films: Scored) -> Floats:
    inside = np.clip(way.probabilities, _LEAST, 1 - _LEAST)
    found: Floats = -np.log(np.where(films.positive, inside, 1 - inside))
    return found


def _brier(way: Way, films: Scored) -> Floats:
    found: Floats = (way.probabilities - films.positive) ** 2
    return found


def _wrong(way: Way, films: Scored) -> Floats:
    called, denied = way.states == State.POSITIVE, way.states == State.NEGATIVE
    return ((called & ~films.positive) | (denied & films.positive)).astype(np.float64)


def _missed(way: Way, films: Scored) -> Floats:
    return ((way.states != State.POSITIVE) & films.positive).astype(np.float64)


_MEASURES = {"log_loss": _log_loss, "brier": _brier}  # means over claims
_COUNTS = {"wrong": _wrong, "missed": _missed}  # a film


def _sums(name: str, before: Way, after: Way, films: Scored) -> tuple[Floats, Floats, Floats]:
    """Of each patient (p,): the measure before and after, and of how many claims or films it is."""
    measure, known = {**_MEASURES, **_COUNTS}[name], films.known[:, :NO_FINDING]
    sizes = known.sum(1) if name in _MEASURES else np.ones(len(known))
    kept = [np.where(known, measure(way, films)[:, :NO_FINDING], 0).sum(1) for way in (before, after)]
    first, last, size = (_by_patient(column, films.patients) for column in (*kept, sizes.astype(np.float64)))
    return first, last, size


def _by_patient(column: Floats, patients: Sequence[str]) -> Floats:
    found: Floats = np.bincount(np.unique(np.array(patients), return_inverse=True)[1], column).astype(np.float64)
    return found


def _difference(before: Floats, after: Floats, size: Floats) -> dict[str, Any]:
    draws = draw_counts(len(size))
    ends = interval((draws @ (before - after)) / (draws @ size))
    means = {"before": before.sum() / size.sum(), "after": after.sum() / size.sum()}
    told = {**means, "gain": _gain(means), "low": ends[0] if ends else None, "high": ends[1] if ends else None}
    return {name: None if value is None else round(float(value), _DIGITS) for name, value in told.items()}
