"""What both stages ask of AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

_DECAY = 0.05


def parameter_groups(parameters: Iterable[nn.Parameter], lr: float) -> list[dict[str, Any]]:
    """Two groups of AdamW: matrices and kernels decay; biases, norms and scales, the contrastive one too, do not."""
    chosen = list(parameters)
    decayed, plain = [p for p in chosen if p.ndim > 1], [p for p in chosen if p.ndim <= 1]
    return [{"params": decayed, "lr": lr, "weight_decay": _DECAY}, {"params": plain, "lr": lr, "weight_decay": 0.0}]
