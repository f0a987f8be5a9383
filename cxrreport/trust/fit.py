"""A calibration from labelled scores: for each finding a curve for all films, and one near it for each view."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.findings import FINDINGS
from cxrreport.model.calibration import GROUPS, VERSION, Calibration, Curve, log_odds, sigmoid
from cxrreport.trust.platt import (
    PRECISION,
    SENSITIVITY,
    Bound,
    fit_platt,
    negative_bound,
    positive_bound,
)
from cxrreport.trust.scored import Floats, Labelled, Scored, labelled

ENOUGH = 10  # positives from which on a bound is chosen on these films alone
FOLDS = 5
_STRENGTH = 5.0  # how firmly the curve of a view is held at that of all films, in films' worth of evidence
_PLAIN = Curve(1.0, 0.0, None, 0.0)  # the score itself, of which nothing is known
_DIGITS = 6


def fit_calibration(
    collections: Sequence[Scored], network: str, start: Calibration | None = None, pair: Mapping[str, Any] | None = None
) -> Calibration:
    """Fit all findings.

    Parameters
    ----------
    collections : in the curve of all films each counts alike; the curve of a view is of its films alone.
    network : digest of the network that gave the scores.
    start : a calibration to begin from: its curves are kept near, its bounds kept where there are too few positives.
    pair : what ties a film and its prior, stored as it is; that of `start` where it is None.
    """
    findings = {
        finding: _fit_finding([labelled(collections, i, group) for group in (None, *GROUPS)], finding, start)
        for i, finding in enumerate(FINDINGS)
    }
    document = {
        "version": VERSION,
        "network_sha256": network,
        "purpose": {"precision": PRECISION, "sensitivity": SENSITIVITY},
        "data": [{"name": c.name, "films": len(c.views), "patients": len(set(c.patients))} for c in collections],
        "findings": findings,
        "pair": dict(start.document["pair"] if pair is None and start else pair or {}),
    }
    return Calibration.parse(encode(document))


def with_pair(calibration: Calibration, pair: Mapping[str, Any]) -> Calibration:
    """The same with another tie of pairs, which is fitted once the states are known."""
    return Calibration.parse(encode({**calibration.document, "pair": dict(pair)}))


def encode(document: Mapping[str, Any]) -> bytes:
    """The bytes of a calibration's file."""
    return (json.dumps(document, indent=1) + "\n").encode()


def cross_validated(scored: Scored, others: Sequence[Scored], start: Calibration | None = None) -> Floats:
    """Probabilities (n, 14) of films that the calibration was not fitted to, their patients neither; `others` fit along."""
    parts, found = folds(scored.patients), np.zeros(scored.scores.shape)
    for fold in range(FOLDS):
        apart = parts == fold
        fitted = fit_calibration([scored.take(~apart), *others], "", start)
        found[apart], _ = fitted.apply_all(scored.scores[apart], scored.take(apart).views)
    return found


def folds(patients: Sequence[str]) -> npt.NDArray[np.int64]:
    """Part (n,) of each film, 0..4: all films of a patient are in one."""
    drawn = np.random.default_rng(0).permutation(sorted(set(patients))).tolist()
    part_of = {name: i % FOLDS for i, name in enumerate(drawn)}
    return np.array([part_of[name] for name in patients], np.int64)


def _fit_finding(parts: Sequence[Labelled], finding: str, start: Calibration | None) -> dict[str, dict[str, Any]]:
    """Facts of the curve of each group. parts : all films, then those of each group."""
    everything = parts[0]
    known = {group: start.curves[finding, group] if start else _PLAIN for group in GROUPS}
    before = known["unknown"]
    pooled = _curve(everything, (before.slope, before.offset), _STRENGTH if start else 1.0)
    found = {}
    for group, own in zip(GROUPS, parts[1:], strict=True):
        curve = _curve(own, pooled, _STRENGTH)
        base = own if own.positive.sum() >= ENOUGH else everything
        if base.positive.sum() >= ENOUGH:
            called, denied = _bounds(base, curve if base is own else pooled, curve)
        else:
            called, denied = Bound(known[group].positive, "kept" if start else "never", 0.0, 0.0), known[group].negative
            denied = _carried(denied, (known[group].slope, known[group].offset), curve)
        found[group] = _facts(curve, called, denied, own, base)
    return found


def _curve(found: Labelled, centre: tuple[float, float], strength: float) -> tuple[float, float]:
    return fit_platt(found, centre, strength) if len(found.scores) else centre


def _bounds(base: Labelled, of_base: tuple[float, float], curve: tuple[float, float]) -> tuple[Bound, float]:
    """Precision hangs on how common a finding is, so the bound of a call is a probability; how many positives lie below a
    bound does not, so that of a denial is one of the score, told in the probability of this curve.
    """
    probabilities = np.asarray(sigmoid(of_base[0] * log_odds(base.scores) + of_base[1]))
    denied = negative_bound(probabilities, base.positive, base.weights)
    return positive_bound(probabilities, base.positive, base.weights), _carried(denied, of_base, curve)


def _carried(probability: float, of: tuple[float, float], curve: tuple[float, float]) -> float:
    """The probability on `curve` of the score that has this one on the curve `of`; 0 stays 0."""
    if of == curve or probability <= 0:
        return probability
    logit = (math.log(probability / (1 - probability)) - of[1]) / of[0]
    return float(sigmoid(curve[0] * logit + curve[1]))


def _facts(curve: tuple[float, float], called: Bound, denied: float, own: Labelled, base: Labelled) -> dict[str, Any]:
    return {
        "slope": _round(curve[0]),
        "offset": _round(curve[1]),
        "positive": None if called.probability is None else _floor(called.probability),
        "negative": _floor(denied),
        "rule": called.rule,
        "precision": round(called.precision, 3),
        "sensitivity": round(called.sensitivity, 3),
        "films": len(own.scores),
        "positives": int(own.positive.sum()),
        "bounds_of": "this view" if base is own else "all films",
    }


def _round(value: float) -> float:
    return round(value, _DIGITS)


def _floor(value: float) -> float:
    """Down, with a margin for the rounding of the curve: the film that gave the bound stays at or above it."""
    return max(round(value - 2 * 10.0**-_DIGITS, _DIGITS), 0.0)
