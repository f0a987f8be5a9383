"""The rows of texts that `cxrreport evaluate` puts beside one another: scores, intervals, ours against each other row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cxrreport.datasets.sample import Sample
from cxrreport.evaluation.clinical import Floats
from cxrreport.evaluation.counts import StudyCounts, count_studies, interval
from cxrreport.evaluation.judging import Judge
from cxrreport.evaluation.labeller import Labeller
from cxrreport.evaluation.scoring import distinct, normal
from cxrreport.findings import State
from cxrreport.reports.claims import has_comparison
from cxrreport.reports.sections import clean

OURS = "cxrreport"
Tables = Sequence[Mapping[str, State]]


def score_rows(
    texts: Mapping[str, Sequence[str]], own: Mapping[str, Tables], spoken: Mapping[str, Sequence[str]],
    references: Sequence[str], labeller: Labeller, train: Sequence[Sample], samples: Sequence[Sample], counts: Floats,
) -> dict[str, Any]:  # fmt: skip
    """Rows, intervals, differences of ours to each other row (paired draws), findings and mistakes.

    texts, and `spoken` in the form of the protocol : by row, a text a study. own : the tables of findings beside which each
    row is read. counts : the draws of the bootstrap.
    """
    truth = labeller.truth(samples)
    judge = Judge([f"{s.report} {s.summary}" for s in samples], truth)
    judged = {name: judge(drafts, own[name]) for name, drafts in texts.items()}
    known = {normal(clean(text)) for s in train for text in (s.target, s.report)}
    tables: dict[str, StudyCounts] = {}
    for name, drafts in texts.items():
        shares = {
            "hallucination_rate": [float(has_comparison(text)) for text in drafts],
            "copied_share": [float(normal(clean(text)) in known) for text in drafts],
        }
        found = labeller.findings(drafts)
        tables[name] = count_studies(spoken[name], references, found, truth, judged[name].means | shares)
    drawn = {name: row.scores(counts) for name, row in tables.items()}
    points = {name: row.points() for name, row in tables.items()}
    return {
        "rows": {name: {**points[name], "distinct": float(distinct(drafts))} for name, drafts in texts.items()},
        "intervals": {n: {metric: interval(v) for metric, v in found.items()} for n, found in drawn.items()},
        "differences": {n: _difference(points, drawn, n) for n in texts if n != OURS},
        "findings": {name: row.findings() for name, row in tables.items()},
        "mistakes": {name: row.document() for name, row in judged.items()},
    }


def _difference(
    points: dict[str, dict[str, float]], drawn: dict[str, dict[str, Floats]], name: str
) -> dict[str, dict[str, float]]:
    """Ours minus the row, metric by metric, with the interval of the paired draws."""
    found = {}
    for metric, values in drawn[OURS].items():
        bounds = interval(values - drawn[name][metric])
        assert bounds is not None  # every score of texts is defined
        found[metric] = {"difference": points[OURS][metric] - points[name][metric], "low": bounds[0], "high": bounds[1]}
    return found
