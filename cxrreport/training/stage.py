"""What the stages have in common: they go on where a killed run was last saved, and some average their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from cxrreport.training.averaging import WeightAverage
from cxrreport.training.checkpoint import Checkpoint, Draw, Step
from cxrreport.training.descent import Descent
from cxrreport.training.ranks import share


def own_numbers(seed: int, stage: int) -> torch.Generator:
    """A stage's own random numbers, so that stages can be resumed one by one; new parts of the network are drawn alike."""
    torch.manual_seed(seed + stage)
    return torch.Generator().manual_seed(seed + stage)


class Stage:
    """Learns in epochs. `losses` names what a step returns; everything else the constructor of a stage makes."""

    losses: tuple[str, ...]
    descent: Descent
    generator: torch.Generator

    def _epoch(self, draw: Draw, step: Step, checkpoint: Checkpoint | None) -> dict[str, float]:
        """One pass, or what is left of the one in the checkpoint; returns the mean losses."""
        checkpoint = checkpoint or Checkpoint(None, {}, self.descent, self.generator)
        return dict(zip(self.losses, checkpoint.run_epoch(draw, step).tolist(), strict=True))

    @cached_property
    def _shared(self) -> nn.Module:
        return share(self.descent.parameters)

    def _descend(self, compute: Callable[[], Sequence[Tensor]]) -> Tensor:
        """Take a step down the first of the losses; returns the others, to tell of it."""
        loss, *parts = self._shared(compute)
        self.descent.step(loss)
        return torch.stack([one.detach() for one in parts]).float().cpu()


class AveragingStage(Stage):
    """Ends with the average of its weights."""

    average: WeightAverage

    def _descend(self, compute: Callable[[], Sequence[Tensor]]) -> Tensor:
        told = super()._descend(compute)
        self.average.update()
        return told
