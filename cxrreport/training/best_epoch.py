"""The epochs of a stage whose averaged weights are kept as they were in the best one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from cxrreport.training.averaging import BestWeights, WeightAverage
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent


class AveragedStage(Protocol):
    """A stage that trains one network and averages its weights."""

    network: Any  # a module; each stage has its own kind
    average: WeightAverage
    descent: Descent
    generator: torch.Generator


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stage runs: its name in metrics.jsonl, its checkpoint, and what an epoch does.

    learn gives the losses of an epoch, validate the scores of the averaged weights and the one that chooses (the higher the
    better); finish puts the best weights away.
    """

    name: str
    checkpoint: Path
    minutes: float
    epochs: int
    learn: Callable[[Checkpoint], dict[str, float]]
    validate: Callable[[], tuple[dict[str, float], float]]
    finish: Callable[[nn.Module, float], None]


def train_best(stage: AveragedStage, plan: Plan, log: Callable[[dict[str, Any]], None]) -> None:
    """Run the epochs, or those that a killed run has left."""
    kept = BestWeights(stage.network)
    modules = {"network": stage.network, "average": stage.average, "best": kept}
    checkpoint = Checkpoint(plan.checkpoint, modules, stage.descent, stage.generator, plan.minutes)
    for epoch in range(checkpoint.resume(), plan.epochs):
        losses = plan.learn(checkpoint)
        with stage.average.applied():
            scores, chosen = plan.validate()
            kept.offer(stage.network, chosen)
        log({"stage": plan.name, "epoch": epoch + 1, **losses, **scores})
        if epoch + 1 == plan.epochs:
            plan.finish(kept.kept, float(kept.score))
        checkpoint.finish(epoch + 1)  # after the weights, which a kill in between would lose
