"""Drafts of labelled samples, scored beside their references: what `cxrreport evaluate` and validation print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from cxrreport.datasets.encoded import Encoded
from cxrreport.evaluation import clinical, language
from cxrreport.evaluation.clinical import Floats, auc_draws, state_maps
from cxrreport.evaluation.counts import ENOUGH, interval
from cxrreport.findings import FINDINGS, State
from cxrreport.model.config import POSITIVE
from cxrreport.model.drafter import Drafter, NetworkDraft
from cxrreport.reports.claims import has_comparison
from cxrreport.reports.labels import label
from cxrreport.reports.sections import clean

_BATCH = 16
_FEWEST, _MOST_CALLED = 5, 1.25  # positives that a threshold is chosen for; how many more it may call


def draft_samples(drafter: Drafter, encoded: Encoded) -> list[NetworkDraft]:
    """Draft every sample of a cache (its plain copy), in batches."""
    drafts: list[NetworkDraft] = []
    count = len(encoded.patch_mask)
    for start in range(0, count, _BATCH):
        rows = list(range(start, min(start + _BATCH, count)))
        features = encoded.features(rows, torch.zeros(len(rows), dtype=torch.long)).to(drafter.device)
        reports = encoded.bank[encoded.retrieved[rows]].numpy()
        here = np.ones(reports.shape[:2], bool)
        drafts += drafter.draft(features, reports, here, indication=encoded.indications(rows))
    return drafts


def score_texts(texts: Sequence[str], references: Sequence[str], truth: Sequence[dict[str, State]]) -> dict[str, float]:
    """Language (protocol C: full cleaned references) and clinical scores of texts; clinical from our labeler on both."""
    found = clinical.score([label(text) for text in texts], truth)
    spoken = language.score([clean(t) for t in texts], [clean(r) for r in references])
    return {
        **spoken,
        **{name: found[name] for name in ("example_f1", "micro_f1", "macro_f1")},
        "distinct": float(distinct(texts)),
        "hallucination_rate": sum(map(has_comparison, texts)) / len(texts),
    }


def distinct(texts: Sequence[str]) -> int:
    """Count the different drafts, white space and case aside."""
    return len(set(map(normal, texts)))


def normal(text: str) -> str:
    """White space and case aside."""
    return " ".join(text.lower().split())


def score_states(drafts: Sequence[NetworkDraft], states: npt.NDArray[np.int64]) -> dict[str, float]:
    """AUC of p(positive) and F1 of the states against the references' states (n, 14).

    mean_auc is over all findings that have an area; mean_auc_15, where there is one, over those with 15 positives.
    """
    predicted = [dict(zip(FINDINGS, d.states.states, strict=True)) for d in drafts]
    found = clinical.score(predicted, state_maps(states))
    areas = {name: float(values[0]) for name, values in _areas(drafts, states, np.ones((1, len(states)))).items()}
    mean = {"mean_auc": areas.pop("mean_auc", 0.0)}
    return {"states_example_f1": found["example_f1"], "states_macro_f1": found["macro_f1"], **mean, **areas}


def state_intervals(
    drafts: Sequence[NetworkDraft], states: npt.NDArray[np.int64], counts: Floats
) -> dict[str, tuple[float, float] | None]:
    """Bootstrap intervals of the areas that `score_states` gives; counts as `draw_counts` gives them."""
    return {name: interval(values) for name, values in _areas(drafts, states, counts).items()}


def _areas(drafts: Sequence[NetworkDraft], states: npt.NDArray[np.int64], counts: Floats) -> dict[str, Floats]:
    """Means and areas by name, each (draws,); a draw without a positive leaves that finding out of its mean."""
    probabilities = np.array([d.states.probabilities for d in drafts])
    positive = states == POSITIVE
    usable = [i for i in range(len(FINDINGS)) if positive[:, i].any() and not positive[:, i].all()]
    areas = {i: auc_draws(positive[:, i], probabilities[:, i], counts) for i in usable}
    groups = {"mean_auc": usable, "mean_auc_15": [i for i in usable if positive[:, i].sum() >= ENOUGH]}
    tables = {name: np.ma.masked_invalid([areas[i] for i in group]) for name, group in groups.items() if group}
    means = {name: table.mean(0).filled(np.nan) for name, table in tables.items()}
    return {**means, **{f"auc {FINDINGS[i]}": values for i, values in areas.items()}}


def choose_thresholds(probabilities: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> list[float]:
    """Threshold of each finding with the best F1 on validation data (n, 14); 0.5 where it has fewer than 5 positives.

    A threshold may call at most 1.25 times as many studies positive as there are: the best F1 of a rare finding often
    lies where every second call is wrong, and a radiologist would soon stop reading such drafts.
    """
    return [_threshold(p, y) if y.sum() >= _FEWEST else 0.5 for p, y in zip(probabilities.T, positive.T, strict=True)]


def _threshold(p: npt.NDArray[np.float64], y: npt.NDArray[np.bool_]) -> float:
    candidates = [t for t in np.unique(p) if (p >= t).sum() <= _MOST_CALLED * y.sum()] or [p.max()]
    f1 = [2 * (y & (p >= t)).sum() / (y.sum() + (p >= t).sum()) for t in candidates]
    return float(candidates[int(np.argmax(f1))])
