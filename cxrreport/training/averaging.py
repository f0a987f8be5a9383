"""Which weights a stage ends with: their exponential moving average, steadier than the last step's, of the best epoch."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_DECAY = 0.998


def decay_at(updates: float) -> float:
    """Decay of the average, whose memory grows with the run so that a short one is averaged as well."""
    return min(_DECAY, (1 + updates) / (10 + updates))


def statistics(network: nn.Module, *kinds: type[nn.BatchNorm1d | nn.BatchNorm2d]) -> list[Tensor]:
    """Means and variances of batch norms of these kinds, which belong to the weights as much."""
    norms = (module for module in network.modules() if isinstance(module, kinds))
    return [x for norm in norms for x in (norm.running_mean, norm.running_var) if x is not None]


class WeightAverage(nn.Module):
    """Average of live tensors; a module of its own, so that a checkpoint holds it."""

    updates: Tensor

    def __init__(self, live: Iterable[Tensor]) -> None:
        super().__init__()
        self._live = list(live)  # a plain list: they are not this module's
        self.mean = nn.ParameterList(nn.Parameter(x.detach().clone(), requires_grad=False) for x in self._live)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the live tensors as they are now."""
        decay = decay_at(float(self.updates))
        torch._foreach_lerp_([*self.mean], [*self._live], 1 - decay)
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the live tensors hold the average for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for mean, live in zip(self.mean, self._live, strict=True):
            mean.data, live.data = live.data, mean.data


class BestWeights(nn.Module):
    """A copy of modules as they were at their best; a checkpoint holds it too."""

    kept: Any  # a module of the kind that it copies
    score: Tensor

    def __init__(self, modules: nn.Module) -> None:
        super().__init__()
        self.kept = copy.deepcopy(modules).requires_grad_(False)
        self.register_buffer("score", torch.tensor(-torch.inf))

    def offer(self, modules: nn.Module, score: float) -> None:
        """Keep these weights where none before were better; of equals the later ones."""
        if score >= self.score:
            self.kept.load_state_dict(modules.state_dict())
            self.score.fill_(score)
