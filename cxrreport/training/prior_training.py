"""`cxrreport train`, the stage of priors: the decoder learns to read a prior from the pairs that the stage of pairs keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch

from cxrreport.errors import UsageError
from cxrreport.model.drafter import Drafter
from cxrreport.model.prior import PriorReader
from cxrreport.model.weights import Weights, load_weights, resolve_device, save_weights
from cxrreport.training.averaging import BestWeights
from cxrreport.training.card import commit
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.options import TrainOptions
from cxrreport.training.pair_training import Sources, cache_pairs, make_bank
from cxrreport.training.prior_stage import PriorStage, read_pairs

CHECKPOINT = "prior.safetensors"


def train_prior(best: Path, options: TrainOptions, sources: Sources, tell: Callable[[dict[str, Any]], None]) -> None:
    """Train what lets the decoder read a prior, and put it beside the other weights in `best`.

    Raises
    ------
    UsageError : the weights compare no pairs, or no pair has a report.
    """
    weights = load_weights(best, resolve_device(options.device))
    if weights.temporal is None:
        raise UsageError("Weights that compare no pairs cannot learn to write of them: ask for --pair-epochs too.")
    drafter = Drafter(weights)
    bank = make_bank(drafter, sources)
    train, val = (
        read_pairs(drafter, weights.temporal, pairs, bank) for pairs in cache_pairs(drafter, bank, options, sources)
    )
    tell({"stage": "priors", "train": len(train), "val": len(val)})
    generator = torch.Generator().manual_seed(options.seed + 6)
    torch.manual_seed(options.seed + 6)
    steps = options.prior_epochs * (len(train) // options.batch + 1)
    stage = PriorStage(drafter, options.prior_lr, steps, generator)
    kept = BestWeights(stage.network)
    modules = {"network": stage.network, "average": stage.average, "best": kept}
    checkpoint = Checkpoint(options.out / CHECKPOINT, modules, stage, generator, options.checkpoint_minutes)
    for epoch in range(checkpoint.resume(), options.prior_epochs):
        losses = stage.epoch(train, options.batch, checkpoint)
        with stage.average.applied():
            scores = stage.validate(val)
            kept.offer(stage.network, -scores["val_language_loss"])
        facts = {"stage": "prior", "epoch": epoch + 1, **losses, **scores}
        tell(facts)
        if epoch + 1 == options.prior_epochs:
            _save(best, weights, cast(PriorReader, kept.kept), options, len(train), -float(kept.score))
        checkpoint.finish(epoch + 1)  # after the weights, which a kill in between would lose


def _save(best: Path, w: Weights, prior: PriorReader, options: TrainOptions, count: int, loss: float) -> None:
    """Put the best epoch beside the other weights, with a card of its own in theirs."""
    card = {name: value for name, value in w.manifest.items() if name != "files"}
    card["prior"] = {
        "data": f"{count} pairs whose reports were written from the truth", "licence": options.licence,
        "command": options.command, "commit": commit(), "seed": options.seed,
        "metrics": {"split": "val", "language_loss": round(loss, 4)},
    }  # fmt: skip
    save_weights(best, w.network, w.views, w.tokenizer, card, w.hyperbolic, w.temporal, prior)
