"""One curve and its bounds from labelled scores: Platt scaling (Platt, 1999) that is held near another curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from cxrreport.model.calibration import log_odds, sigmoid
from cxrreport.trust.scored import Bools, Floats, Labelled

PRECISION = 0.5  # of the calls of a finding so many shall be right
SENSITIVITY = 0.95  # of the true positives so many shall not be denied
_RIGHT = 5  # calls that were right, or a precision is chance
_FLATTEST = 0.01  # slope: a score never speaks against its finding


@dataclass(frozen=True, slots=True)
class Bound:
    """From which probability on a finding is called (None: never), by what rule, and how well: both 0..1."""

    probability: float | None
    rule: str
    precision: float
    sensitivity: float


def fit_platt(found: Labelled, centre: tuple[float, float], strength: float) -> tuple[float, float]:
    """Slope and offset on the log odds of the scores; `strength` is the weight of the squared distance from `centre`."""
    design = np.stack([log_odds(found.scores), np.ones(len(found.scores))], 1)
    goal = np.array(centre)

    def loss(curve: Floats) -> tuple[float, Floats]:
        logits, away = design @ curve, curve - goal
        losses = found.weights * (np.logaddexp(0, logits) - found.positive * logits)
        gradient = design.T @ (found.weights * (sigmoid(logits) - found.positive))
        return float(losses.sum() + strength / 2 * (away**2).sum()), gradient + strength * away

    slope, offset = minimize(loss, goal, jac=True, method="L-BFGS-B", bounds=[(_FLATTEST, None), (None, None)]).x
    return float(slope), float(offset)


def positive_bound(probabilities: Floats, positive: Bools, weights: Floats) -> Bound:
    """The bound of the best F1 among those that keep `PRECISION`; where none does the finding is never called.

    The lowest such bound would call more, but the calls that it adds are wrong more often than not.
    """
    ladder = _descend(probabilities, positive, weights)
    precise = (ladder.precision >= PRECISION) & (ladder.right >= _RIGHT)
    if not precise.any():
        return Bound(None, "never", 0.0, 0.0)
    return ladder.bound(int(np.where(precise, ladder.f1, -1).argmax()), "precision")


def negative_bound(probabilities: Floats, positive: Bools, weights: Floats) -> float:
    """The highest bound below which no more of the positives lie than `SENSITIVITY` allows."""
    ladder = _descend(probabilities, positive, weights)
    reached = np.flatnonzero(ladder.sensitivity >= SENSITIVITY - 1e-9)
    return float(ladder.probabilities[reached[0]])


@dataclass(frozen=True, slots=True)
class _Ladder:
    """What each bound would do, from the highest on: sums of weights, `right` a count."""

    probabilities: Floats
    called: Floats
    true: Floats
    right: npt.NDArray[np.int64]
    total: float

    @property
    def precision(self) -> Floats:
        return self.true / self.called

    @property
    def sensitivity(self) -> Floats:
        return self.true / self.total

    @property
    def f1(self) -> Floats:
        return 2 * self.true / (self.called + self.total)

    def bound(self, row: int, rule: str) -> Bound:
        return Bound(
            float(self.probabilities[row]), rule, float(self.precision[row]), float(self.sensitivity[row])
        )  # fmt: skip


def _descend(probabilities: Floats, positive: Bools, weights: Floats) -> _Ladder:
    order = np.argsort(-probabilities, kind="stable")
    values, right, share = probabilities[order], positive[order], weights[order]
    last = np.append(values[1:] != values[:-1], True)  # films of one probability are called together
    true = np.cumsum(right * share)
    return _Ladder(values[last], np.cumsum(share)[last], true[last], np.cumsum(right)[last], float(true[-1]))
