"""Clinical scores: precision, recall and F1 of the 14 findings, areas under the curve.

A finding counts where its state is positive; blank, negative and uncertain are the rest (as PromptMRG scores CheXbert
labels). A ratio with nothing in its denominator is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cxrreport.findings import FINDINGS, State

COMMON = 8  # positives that make the AUC of a finding worth averaging
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
States = Mapping[str, State]
RATIOS = ("precision", "recall", "f1")
_STATES = tuple(State)


def state_maps(states: npt.NDArray[np.int64]) -> list[dict[str, State]]:
    """State indices (n, 14) -> one mapping a study."""
    return [{f: _STATES[i] for f, i in zip(FINDINGS, row, strict=True)} for row in states.tolist()]


def score(found: Sequence[States], truth: Sequence[States]) -> dict[str, float]:
    """Scores of drafted against signed labels by name; the i-th entries belong to one study.

    `example_…` averages over reports, `micro_…` pools every decision, `macro_…` averages over the 14 findings.
    Raises as `agreement`.
    """
    tables = agreement(found, truth)
    scores = dict(zip((f"example_{name}" for name in RATIOS), by_example(*tables).mean(0)))
    scores |= pooled(*(table.sum(0) for table in tables))
    return {name: float(value) for name, value in scores.items()}


def agreement(found: Sequence[States], truth: Sequence[States]) -> tuple[Floats, Floats, Floats]:
    """Which findings are positive in both, in what was found, and in truth: 0 or 1, (studies, 14) each.

    Raises
    ------
    ValueError : no study at all, or lists of different length.
    """
    if not found or len(found) != len(truth):
        raise ValueError(f"{len(found)} hypotheses for {len(truth)} references")
    predicted, actual = positives(found), positives(truth)
    return predicted * actual, predicted, actual


def positives(labels: Sequence[States]) -> Floats:
    """Truth table of 0 and 1, (studies, 14); a missing finding is blank."""
    return np.array([[states.get(f) == State.POSITIVE for f in FINDINGS] for states in labels], np.float64)


def ratios(both: Floats, predicted: Floats, actual: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall, F1; 0 where there is nothing to divide by."""
    f1 = 2 * both / np.maximum(predicted + actual, 1)
    return both / np.maximum(predicted, 1), both / np.maximum(actual, 1), f1


def by_example(both: Floats, predicted: Floats, actual: Floats) -> Floats:
    """Precision, recall and F1 of each report, (n, 3), from tables (n, 14)."""
    return np.stack(ratios(both.sum(1), predicted.sum(1), actual.sum(1)), 1)


def pooled(both: Floats, predicted: Floats, actual: Floats) -> dict[str, Floats]:
    """Micro and macro scores (…) from positives that are summed over reports, (…, 14)."""
    micro = ratios(both.sum(-1), predicted.sum(-1), actual.sum(-1))
    macro = (ratio.mean(-1) for ratio in ratios(both, predicted, actual))
    found = dict(zip((f"micro_{name}" for name in RATIOS), micro))
    return found | dict(zip((f"macro_{name}" for name in RATIOS), macro))


def auc(positive: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Exact area under the ROC curve: the Mann-Whitney statistic, a tie counting one half; NaN where all labels are alike."""
    labels = np.asarray(positive, np.bool_)
    return float(auc_draws(labels, np.asarray(probabilities, np.float64), np.ones((1, labels.size)))[0])


def mean_auc(truth: npt.ArrayLike, scores: npt.ArrayLike, fewest: int = 1) -> float | None:
    """Mean AUC over the findings with `fewest` positives and a negative; None where there is none.

    truth (n, k) 1 positive, 0 not, nan unknown; scores (n, k).
    """
    found = []
    for asked, said in zip(np.asarray(truth, np.float64).T, np.asarray(scores).T, strict=True):
        told = ~np.isnan(asked)
        if asked[told].sum() >= fewest and not asked[told].all():
            found.append(auc(asked[told] == 1, said[told]))
    return float(np.mean(found)) if found else None


def auc_draws(positive: Bools, probabilities: Floats, counts: Floats) -> Floats:
    """Area under the ROC curve in each draw, (draws,); NaN where a class was not drawn.

    positive, probabilities (studies,); counts (draws, studies): how often each study counts.
    """
    order = np.argsort(probabilities)
    values, drawn = probabilities[order], counts[:, order]
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))  # where each value begins
    high = np.add.reduceat(drawn * positive[order], starts, 1)  # (draws, values)
    low = np.add.reduceat(drawn * ~positive[order], starts, 1)
    won = (high * (np.cumsum(low, 1) - low / 2)).sum(1)
    pairs = high.sum(1) * low.sum(1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1), np.nan)
