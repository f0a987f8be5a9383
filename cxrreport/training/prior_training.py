"""`cxrreport train`, the stage of priors: the decoder learns to read a prior from the pairs that the stage of pairs keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxrreport.errors import UsageError
from cxrreport.model.drafter import Drafter
from cxrreport.model.prior import PriorReader
from cxrreport.model.weights import Weights, load_weights, resolve_device, save_weights
from cxrreport.training.averaging import BestWeights
from cxrreport.training.card import part_card
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.options import TrainOptions
from cxrreport.training.pair_training import Sources, cache_pairs, make_bank
from cxrreport.training.prior_stage import PriorStage, read_pairs
from cxrreport.training.ranks import leads
from cxrreport.training.stage import own_numbers

CHECKPOINT = "prior.safetensors"


def train_prior(best: Path, options: TrainOptions, sources: Sources, log: Callable[[dict[str, Any]], None]) -> None:
    """Train what lets the decoder read a prior, and put it beside the other weights in `best`.

    Raises
    ------
    UsageError : the weights compare no pairs, or no pair has a report.
    """
    weights, r = load_weights(best, resolve_device(options.device)), options.recipe
    if weights.temporal is None:
        raise UsageError(
            "Weights that compare no pairs cannot learn to write of them: the recipe needs pair_epochs too."
        )
    drafter = Drafter(weights)
    bank = make_bank(drafter, sources)
    train, val = (
        read_pairs(drafter, weights.temporal, pairs, bank) for pairs in cache_pairs(drafter, bank, options, sources)
    )
    log({"stage": "priors", "train": len(train), "val": len(val)})
    generator = own_numbers(r.seed, 6)
    steps = r.prior_epochs * (len(train) // r.batch + 1)
    stage = PriorStage(drafter, r.prior_lr, steps, generator)
    kept = BestWeights(stage.network)
    modules = {"network": stage.network, "average": stage.average, "best": kept}
    checkpoint = Checkpoint(options.out / CHECKPOINT, modules, stage.descent, generator, r.checkpoint_minutes)
    for epoch in checkpoint.remaining(r.prior_epochs):
        losses = stage.epoch(train, r.batch, checkpoint)
        if not leads():
            continue
        with stage.average.applied():
            scores = stage.validate(val)
            kept.offer(stage.network, -scores["val_language_loss"])
        log({"stage": "prior", "epoch": epoch, **losses, **scores})
        if epoch == r.prior_epochs:  # as of the pairs
            _save(best, weights, kept.kept, options, len(train), -float(kept.score))


def _save(best: Path, w: Weights, prior: PriorReader, options: TrainOptions, count: int, loss: float) -> None:
    """Put the best epoch beside the other weights, with a card of its own in theirs."""
    card = {name: value for name, value in w.manifest.items() if name != "files"}
    data = f"{count} pairs whose reports were written from the truth"
    card["prior"] = part_card(options, data, {"language_loss": round(loss, 4)})
    save_weights(best, w.network, w.views, w.tokenizer, card, w.hyperbolic, w.temporal, prior, w.upright)
