"""What is said of labelled films that have no report: finding by finding, and false alarms on films without a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.evaluation.clinical import auc, auc_draws
from cxrreport.evaluation.counts import ENOUGH, draw_counts, interval
from cxrreport.evaluation.reliability import reliability
from cxrreport.findings import FINDINGS, NO_FINDING, PATHOLOGY

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """n films: what a table of findings says of each beside its labels.

    scores, probabilities (n, 14) 0..1, before and after calibration; called, denied (n, 14): the state is positive, negative;
    positive (n, 14), and known (n, 14): elsewhere `positive` means nothing; patients (n,): who a film is of.
    """

    scores: Floats
    probabilities: Floats
    called: Bools
    denied: Bools
    positive: Bools
    known: Bools
    patients: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def normal(self) -> Bools:
        """(n,) films that are labelled to be without any finding."""
        return self.positive[:, NO_FINDING] & self.known[:, NO_FINDING]

    @property
    def alarmed(self) -> Bools:
        """(n,) films of which any pathology is called."""
        called: Bools = np.any(self.called[:, PATHOLOGY], 1)
        return called

    def take(self, rows: Bools) -> Judged:
        """Some of the films."""
        return Judged(*(getattr(self, one.name)[rows] for one in fields(self)))

    def draws(self, seed: int) -> Floats:
        """How often each film comes where as many patients are drawn with replacement, with all their films: (draws, n)."""
        names, owner = np.unique(self.patients, return_inverse=True)
        drawn: Floats = draw_counts(len(names), seed)[:, owner]
        return drawn


def finding_rows(films: Judged) -> dict[str, dict[str, Any]]:
    """Scores of each finding that is positive on a film whose labels tell of it. A share of nothing is None."""
    told = np.any(films.positive & films.known, 0)
    return {name: _finding(films, i) for i, name in enumerate(FINDINGS) if told[i] and i != NO_FINDING}


def _finding(films: Judged, finding: int) -> dict[str, Any]:
    rows = films.known[:, finding]
    probabilities, scores, called, denied, positive = (
        table[rows, finding]
        for table in (films.probabilities, films.scores, films.called, films.denied, films.positive)
    )
    means = reliability(probabilities, positive)
    return {
        "films": means.films,
        "positives": means.positives,
        "auc": _defined(auc(positive, probabilities)),
        "auc_of_scores": _defined(auc(positive, scores)),
        "ece": means.ece,
        "brier": means.brier,
        "called": int(called.sum()),
        "sensitivity": share(called & positive, positive),
        "specificity": share(~called & ~positive, ~positive),
        "precision": share(called & positive, called),
        "denied": int(denied.sum()),
        "wrong_denials": int((denied & positive).sum()),
    }


def often(films: Judged) -> list[int]:
    """Findings with positives enough for an area, and as many films without them."""
    return [i for i in range(NO_FINDING) if min(_counts(films, i)) >= ENOUGH]


def _counts(films: Judged, finding: int) -> tuple[int, int]:
    """Films that have a finding, and that have it not."""
    positive = films.positive[films.known[:, finding], finding]
    return int(positive.sum()), int((~positive).sum())


def mean_area(films: Judged, findings: Sequence[int], draws: Floats) -> dict[str, Any]:
    """Mean AUC of the probabilities over the given findings with its bootstrap interval, and of the scores; None of none."""
    whole = np.ones((1, len(films)))
    value, of_scores = (
        _means(films, findings, table, whole)[0] if findings else np.nan for table in ("probabilities", "scores")
    )
    bounds = interval(_means(films, findings, "probabilities", draws)) if findings else None
    return {
        "value": _defined(value),
        **_bounds(bounds),
        "of_scores": _defined(of_scores),
        "findings": [FINDINGS[i] for i in findings],
    }


def _means(films: Judged, findings: Sequence[int], table: str, draws: Floats) -> Floats:
    """Mean over findings in each draw, (draws,); one whose positives were not drawn is left out of that draw."""
    areas = np.ma.masked_invalid([
        auc_draws(films.positive[rows, i], getattr(films, table)[rows, i], draws[:, rows])
        for i in findings for rows in [films.known[:, i]]
    ])  # fmt: skip
    mean: Floats = areas.mean(0).filled(np.nan)
    return mean


def false_alarms(films: Judged, draws: Floats) -> dict[str, Any]:
    """Of the films without any finding the share on which a pathology is called, with its bootstrap interval."""
    return {"films": int(films.normal.sum()), **drawn_share(films.alarmed & films.normal, films.normal, draws)}


def drawn_share(some: npt.NDArray[Any], of: npt.NDArray[Any], draws: Floats) -> dict[str, Any]:
    """Sum of `some` (n,) over that of `of` (n,), with its bootstrap interval; None where there is nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (draws @ some) / (draws @ of)
    return {"share": share(some, of), **_bounds(interval(drawn) if of.any() else None)}


def share(some: npt.NDArray[Any], of: npt.NDArray[Any]) -> float | None:
    """Sum of `some` over that of `of`; None where that is nothing."""
    return float(some.sum() / of.sum()) if of.any() else None


def _bounds(bounds: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = bounds or (None, None)
    return {"low": low, "high": high}


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
