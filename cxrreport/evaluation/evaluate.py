"""`cxrreport evaluate`: drafts of a labelled split beside a constant report and the nearest report of the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cxrreport.evaluation.baselines import constant_report, copied_share
from cxrreport.evaluation.language import bleu
from cxrreport.evaluation.scoring import draft_samples, score_states, score_texts, state_maps
from cxrreport.model.drafter import Drafter
from cxrreport.model.generation import Decoding
from cxrreport.model.weights import load_weights, resolve_device
from cxrreport.reports.sections import clean
from cxrreport.training.dataset import READERS, Sample, check_disjoint
from cxrreport.training.network_stage import encode_samples


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What `cxrreport evaluate` was asked for."""

    dataset: str
    directory: Path
    split: str = "test"
    weights: Path | None = None
    beams: int = 3
    device: str = "auto"
    limit: int | None = None


def evaluate(options: EvaluateOptions) -> dict[str, Any]:
    """Score one split; the bank and the baselines come from the train split, the constant report is chosen on val.

    Protocol C (model.md §1.13): full references, cleaned; clinical scores from our labeler on both sides.
    """
    read = READERS[options.dataset]
    train = read(options.directory, "train")
    samples = read(options.directory, options.split)[: options.limit]
    if options.split != "train":
        check_disjoint(train, samples)
    device = resolve_device(options.device)
    drafter = Drafter(load_weights(options.weights, device), Decoding(beams=options.beams))
    bank = drafter.embed_texts([s.summary for s in train])
    encoded = encode_samples(drafter, samples, bank, [s.patient for s in train], 1, torch.Generator())
    drafts = draft_samples(drafter, encoded)
    truth = np.stack([s.states for s in samples])
    texts = {
        "cxrreport": [d.text for d in drafts],
        "constant report": [_constant(train, read(options.directory, "val"))] * len(samples),
        "nearest report": [train[int(rows[0])].report for rows in encoded.retrieved],
    }
    references = [s.report for s in samples]
    rows = {name: score_texts(said, references, state_maps(truth)) for name, said in texts.items()}
    rows["cxrreport"]["copied_share"] = copied_share(texts["cxrreport"], [s.target for s in train])
    return {
        "protocol": "C",
        "dataset": options.dataset,
        "split": options.split,
        "studies": len(samples),
        "weights_sha256": drafter.weights.sha256,
        "beams": options.beams,
        "rows": rows,
        "states": score_states(drafts, truth),
    }


def _constant(train: list[Sample], val: list[Sample]) -> str:
    """The training report with the best BLEU-4 on val when it is said of every study."""

    def bleu_4(hypotheses: Sequence[str], groups: Sequence[Sequence[str]]) -> float:
        return bleu([clean(h) for h in hypotheses], [[clean(r) for r in group] for group in groups])[3]

    return constant_report([s.report for s in train], [s.report for s in val], bleu_4)
