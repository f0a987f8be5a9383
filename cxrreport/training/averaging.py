"""Exponential moving average of the weights: steadier from epoch to epoch than the last step's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_DECAY = 0.998


def decay_at(updates: float) -> float:
    """Decay of the average, whose memory grows with the run so that a short one is averaged as well."""
    return min(_DECAY, (1 + updates) / (10 + updates))


class WeightAverage(nn.Module):
    """Average of live parameters; a module of its own, so that a checkpoint holds it."""

    updates: Tensor

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__()
        self._live = list(parameters)  # a plain list: they are not this module's
        self.mean = nn.ParameterList(nn.Parameter(p.detach().clone(), requires_grad=False) for p in self._live)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the live parameters as they are now."""
        decay = decay_at(float(self.updates))
        torch._foreach_lerp_([*self.mean], [*self._live], 1 - decay)
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the live parameters hold the average for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for mean, live in zip(self.mean, self._live, strict=True):
            mean.data, live.data = live.data, mean.data
