"""Made-up evaluations and runs of the ablations, and a reader of the tables made of them."""

from __future__ import annotations

from typing import Any

from cxrreport.findings import FINDINGS

METRICS = (
    *("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "copied_share", "hallucination_rate"),
    *(f"{kind}_{name}" for kind in ("example", "micro", "macro") for name in ("precision", "recall", "f1")),
)
COMMAND = "cxrreport train --config mini --dataset iu-xray IU-XRAY --out RUN --seed {seed}{more}"


def document(seed=1, value=0.3, sha=None, network=None, more="", **facts) -> dict[str, Any]:
    """A made-up evaluation, every score of ours being `value`."""
    rows = {name: {metric: v for metric in METRICS} | {"distinct": 200.0, "meteor": None} for name, v in
            (("cxrreport", value), ("constant report", 0.1))}  # fmt: skip
    difference = {metric: {"difference": value - 0.1, "low": 0.05, "high": 0.25} for metric in METRICS}
    per_finding = {f: {"precision": value, "recall": value, "f1": value, "support": 3.0} for f in FINDINGS}
    return {
        "protocol": "R", "protocol_says": "as R2Gen", "notes": [], "dataset": "iu-xray", "split": "val", "studies": 296,
        "limit": None, "bank": 2069, "beams": 3, "labels": "rules-1", "meteor": "not measured: no Java",
        "weights_sha256": sha or f"{seed}-{value}-{network}-{more}",
        "weights": {
            "name": "mini", "config": "mini", "seed": seed, "command": COMMAND.format(seed=seed, more=more),
            "network": {"decoder": {"vocab_size": 2000 + seed}, "fam_attention": "dra", "scl": True, **(network or {})},
        },
        "rows": rows, "differences": {"constant report": difference},
        "findings": {"cxrreport": per_finding, "constant report": per_finding},
        "states": {"mean_auc": 0.8, "mean_auc_15": value + 0.5, "auc edema": 0.9},
        "positives": dict.fromkeys(FINDINGS, 3), "published": [], **facts,
    }  # fmt: skip


def ablation_run(name="full", seed=1, value=0.3, test=True, settings=None, **facts) -> dict[str, Any]:
    """A made-up run of two epochs: its scores are `value` on test and 0.1 more in its best epoch, the first."""
    columns = ("bleu_1", "bleu_4", "rouge_l", "example_f1", "micro_f1", "macro_f1", "states_macro_f1", "mean_auc_15")
    scores, best, last = (dict.fromkeys(columns, value + more) | {"distinct": 40.0 + seed} for more in (0, 0.1, 0.2))
    studies = {"train": 2069, "val": 296} | ({"test": 590} if test else {})
    common = {
        "epochs": 4, "batch": 16, "lr": 0.0005, "balance": 0.0, "copies": 2, "decoder_layers": 2, "beams": 3,
        "studies": studies, "weights_sha256": "0123456789abcdef" * 4, **(settings or {}),
    }  # fmt: skip
    return {
        "name": name, "seed": seed, "flags": {}, "validation": [best, last], "best_epoch": 1, "settings": common,
        **({"test": scores} if test else {}), **facts,
    }  # fmt: skip


def lines_of(page: str, heading: str) -> list[list[str]]:
    """Rows of the table under a heading, split into cells."""
    block = page.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line[:1] == "|"]
