"""Whether the network's scores hold more than a calibration takes out of them: a linear reading of all scores and the view.

A finding may lean on the scores of the others. What such a reading gains was in the scores already, so training, which may
change them too, can gain it as well; what it does not gain says nothing of training.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from cxrreport.findings import NO_FINDING
from cxrreport.model.calibration import GROUPS, Calibration, log_odds, sigmoid
from cxrreport.trust.fit import ENOUGH, folds
from cxrreport.trust.scored import Floats, Scored

# What is tried as weight of the squared coefficients of scaled columns, in films' worth of evidence; the last holds all at 0.
_STRENGTHS = (3.0, 30.0, 300.0, np.inf)


def recombined(fitting: Scored, apart: Scored, calibration: Calibration) -> Floats:
    """Probabilities (n, 14) of the films `apart`, from all scores and the view, as the films `fitting` teach it.

    The reading adds to what `calibration`, fitted to `fitting`, says; how firmly it is held back is chosen among `fitting`,
    by cross-validation over patients. A finding of fewer than 10 positives there stays as it is.
    """
    told, found = (calibration.apply_all(one.scores, one.views)[0] for one in (fitting, apart))
    columns, others = _columns(fitting), _columns(apart)
    centre, scale = columns.mean(0), columns.std(0) + 1e-9
    design, other = (columns - centre) / scale, (others - centre) / scale
    parts = folds(fitting.patients)
    for finding in range(NO_FINDING):
        rows = fitting.known[:, finding]
        positive, offset = fitting.positive[rows, finding], log_odds(told[rows, finding])
        if positive.sum() >= ENOUGH:
            strength = _choose(design[rows], offset, positive, parts[rows])
            added = other @ _read(design[rows], offset, positive, strength)
            found[:, finding] = sigmoid(log_odds(found[:, finding]) + added)
    return found


def _columns(scored: Scored) -> Floats:
    """(n, 16): log odds of all scores, and whether the film is AP or PA."""
    views = [scored.groups == group for group in GROUPS[:2]]
    return np.column_stack([log_odds(scored.scores), *views]).astype(np.float64)


def _choose(design: Floats, offset: Floats, positive: np.ndarray, parts: np.ndarray) -> float:
    """The strength of the least log loss in films that it was not fitted to."""
    losses = dict.fromkeys(_STRENGTHS, 0.0)
    for part in np.unique(parts):
        apart = parts == part
        for strength in _STRENGTHS:
            read = _read(design[~apart], offset[~apart], positive[~apart], strength)
            losses[strength] += _loss(design[apart], offset[apart], positive[apart], read)
    return min(losses, key=losses.__getitem__)


def _read(design: Floats, offset: Floats, positive: np.ndarray, strength: float) -> Floats:
    """Coefficients (16,) that are added to the offset, by ridge logistic regression."""
    start = np.zeros(design.shape[1])
    if np.isinf(strength):
        return start

    def loss(read: Floats) -> tuple[float, Floats]:
        away = sigmoid(offset + design @ read) - positive
        held = strength / 2 * float(read @ read)
        return _loss(design, offset, positive, read) + held, design.T @ away + strength * read

    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found


def _loss(design: Floats, offset: Floats, positive: np.ndarray, read: Floats) -> float:
    logits = offset + design @ read
    return float((np.logaddexp(0, logits) - positive * logits).sum())
