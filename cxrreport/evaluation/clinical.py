"""Clinical scores: precision, recall and F1 of the 14 findings, areas under the curve.

A finding counts where its state is positive; blank, negative and uncertain are the rest (as PromptMRG scores CheXbert
labels). A ratio with nothing in its denominator is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrreport.findings import FINDINGS, State

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64] | Floats

States = Mapping[str, State]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Precision, recall and F1 (0..1); `support` counts the positives of the references behind them."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class ClinicalScores:
    """Scores over a set of reports.

    `example` averages over reports, `micro` pools every decision, `macro` averages over the 14 findings.
    """

    example: Ratio
    micro: Ratio
    macro: Ratio
    findings: dict[str, Ratio]


def score(hypotheses: Sequence[States], references: Sequence[States]) -> ClinicalScores:
    """Score drafted against signed labels; the i-th entries belong to one study.

    Raises
    ------
    ValueError : no study at all, or lists of different length.
    """
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses for {len(references)} references")
    predicted, actual = positives(hypotheses), positives(references)
    both = predicted & actual
    per_finding = _ratios(both.sum(0), predicted.sum(0), actual.sum(0))
    support = int(actual.sum())
    return ClinicalScores(
        example=_mean(_ratios(both.sum(1), predicted.sum(1), actual.sum(1)), support),
        micro=_ratios(*(np.array([table.sum()]) for table in (both, predicted, actual)))[0],
        macro=_mean(per_finding, support),
        findings=dict(zip(FINDINGS, per_finding)),
    )


def positives(labels: Sequence[States]) -> npt.NDArray[np.bool_]:
    """Truth table, shape (studies, 14); a missing finding is blank."""
    rows = [[states.get(finding) == State.POSITIVE for finding in FINDINGS] for states in labels]
    return np.array(rows, dtype=np.bool_)


def ratios(both: Counts, predicted: Counts, actual: Counts) -> tuple[Floats, Floats, Floats]:
    """Precision, recall, F1; 0 where there is nothing to divide by."""
    f1 = 2 * both / np.maximum(predicted + actual, 1)
    return both / np.maximum(predicted, 1), both / np.maximum(actual, 1), f1


def _ratios(both: Counts, predicted: Counts, actual: Counts) -> list[Ratio]:
    precision, recall, f1 = ratios(both, predicted, actual)
    return [Ratio(float(p), float(r), float(f), int(n)) for p, r, f, n in zip(precision, recall, f1, actual)]


def _mean(ratios: Sequence[Ratio], support: int) -> Ratio:
    table = np.array([(ratio.precision, ratio.recall, ratio.f1) for ratio in ratios])
    precision, recall, f1 = table.mean(0)
    return Ratio(float(precision), float(recall), float(f1), support)


def auc(labels: Sequence[bool], probabilities: Sequence[float]) -> float:
    """Exact area under the ROC curve: the Mann-Whitney statistic, a tie counting one half.

    Returns NaN where all labels are alike: the area is not defined then.
    """
    positive = np.asarray(labels, dtype=np.bool_)
    values = np.asarray(probabilities, dtype=np.float64)
    if positive.shape != values.shape:
        raise ValueError(f"{positive.size} labels for {values.size} probabilities")
    positives = int(positive.sum())
    negatives = positive.size - positives
    if not positives or not negatives:
        return float("nan")
    _, rank, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2  # 1-based; ties share the mean of their ranks
    rank_sum = float(mean_rank[rank][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
