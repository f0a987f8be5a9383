"""How every stage learns: AdamW under one cycle of learning rates, gradients clipped, in mixed precision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_DECAY = 0.05
Groups = Sequence[dict[str, Any]]


def parameter_groups(parameters: Iterable[nn.Parameter], lr: float) -> list[dict[str, Any]]:
    """Two groups of AdamW: matrices and kernels decay; biases, norms and scales, the contrastive one too, do not."""
    chosen = list(parameters)
    decayed, plain = [p for p in chosen if p.ndim > 1], [p for p in chosen if p.ndim <= 1]
    return [{"params": decayed, "lr": lr, "weight_decay": _DECAY}, {"params": plain, "lr": lr, "weight_decay": 0.0}]


class Descent:
    """AdamW and its learning rates (one cycle, Smith and Topin, 2018); the `lr` of a group is its peak."""

    def __init__(
        self, groups: Groups, steps: int, *, rise: float = 0.3, first: float = 25.0, last: float = 1e4
    ) -> None:  # fmt: skip
        """rise: share of the steps that the rates rise in; first, last: by what the peak is divided then."""
        rates = [group["lr"] for group in groups]
        self.optimizer = torch.optim.AdamW(groups)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rates, steps, pct_start=rise, div_factor=first, final_div_factor=last
        )

    @property
    def done(self) -> float:
        """Share of the steps that are taken, 0..1."""
        return self.schedule.last_epoch / self.schedule.total_steps

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        device: torch.device = self.optimizer.param_groups[0]["params"][0].device
        return device

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All that learn."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def step(self, loss: Tensor) -> None:
        """Go down the gradient of a loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()


def mixed_precision(device: torch.device) -> torch.autocast:
    """bf16 autocast on the CPU and on GPUs that have it; older GPUs compute in float32, for float16 would need scaling.

    Weights, optimizer and losses stay in float32 everywhere.
    """
    able = device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=able)
