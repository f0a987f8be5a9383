"""Made-up evaluations, and a reader of the tables made of them."""

from __future__ import annotations

from typing import Any

from benchmarks.errors import FAULTS
from cxrreport.findings import FINDINGS

METRICS = (
    *("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "copied_share", "hallucination_rate"),
    *("actionable_errors", *FAULTS),
    *(f"{kind}_{name}" for kind in ("example", "micro", "macro") for name in ("precision", "recall", "f1")),
)


def document(seed, value) -> dict[str, Any]:
    """A made-up evaluation, every score of ours being `value`."""
    rows = {name: {metric: v for metric in METRICS} | {"distinct": 200.0, "meteor": None} for name, v in
            (("cxrreport", value), ("constant report", 0.1))}  # fmt: skip
    per_finding = {f: {"precision": value, "recall": value, "f1": value, "support": 3.0} for f in FINDINGS}
    return {
        "protocol": "R", "notes": [], "dataset": "iu-xray", "split": "val", "studies": 296,
        "bank": 2069, "beams": 3, "labels": "rules-1", "meteor": "not measured", "weights_sha256": f"{seed}-{value}",
        "weights": {"seed": seed, "config": "mini"}, "rows": rows,
        "intervals": {name: {"actionable_errors": (0.05, 0.25)} for name in rows},
        "mistakes": {name: {"tiers": {"wrong": {"urgent": 37, "routine": 9}, "missed": {"routine": 5}}} for name in rows},
        "differences": {"constant report": {m: {"difference": value - 0.1, "low": 0.05, "high": 0.25} for m in METRICS}},
        "findings": {"cxrreport": per_finding, "constant report": per_finding},
        "states": {"mean_auc": 0.8, "mean_auc_15": value + 0.5, "auc edema": 0.9},
        "positives": dict.fromkeys(FINDINGS, 3), "subgroups": [],
    }  # fmt: skip


def lines_of(page: str, heading: str) -> list[list[str]]:
    """Rows of the table under a heading, split into cells."""
    block = page.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line[:1] == "|"]
