"""Dynamically routed attention: MHCAR of DiffRGenNet (Eq. 4-7; docs/model.md, Routed attention).

Every layer computes one score matrix, masks it to windows of several orders around each query's anchor patch, and mixes
the resulting attentions with weights that a router draws from the image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.model.attention import BLOCKED, Attended, CrossAttention
from cxrreport.model.config import GRID, VIEWS, DiffRGenNetConfig

Anchors = Callable[[Tensor, Tensor], Tensor]  # attention (B, h, n, m) of order 0, f_mask (B, m) -> patches (B, n)


def build_windows(grid: int, orders: int, views: int = VIEWS) -> Tensor:
    """Return (orders, m, m) bool, m = views * grid**2: may anchor i see key j at order s?

    Order 0 sees everything; order s sees the patches of the same view within Chebyshev distance s.
    """
    cell = torch.arange(grid * grid)
    row, column = cell // grid, cell % grid
    distance = torch.maximum((row[:, None] - row).abs(), (column[:, None] - column).abs())  # (g*g, g*g)
    m = views * grid * grid
    windows = torch.zeros(orders, m, m, dtype=torch.bool)
    windows[0] = True
    for order in range(1, orders):
        windows[order] = torch.block_diag(*[distance <= order] * views).bool()
    return windows


def peak(attention: Tensor, f_mask: Tensor) -> Tensor:
    """The patch that the heads together attend to most."""
    return attention.detach().mean(1).argmax(-1)


def own_place(attention: Tensor, f_mask: Tensor) -> Tensor:
    """Query i is patch i."""
    return torch.arange(attention.shape[2], device=f_mask.device).expand(len(f_mask), -1)


class Router(nn.Module):
    """Weights over the masks of one layer (Eq. 7). Gumbel noise in training only, so that drafts never vary."""

    def __init__(self, width: int, masks: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width // 2, bias=False), nn.ReLU(), nn.Linear(width // 2, masks))

    def forward(self, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Tensor:
        """f (B, m, d), f_mask (B, m) -> alpha (B, masks), rows sum to 1."""
        weight = f_mask.unsqueeze(-1).to(f.dtype)
        logits: Tensor = self.mlp((f * weight).sum(1) / weight.sum(1).clamp(min=1)).float()
        if self.training:
            return F.gumbel_softmax(logits.log_softmax(-1), tau=float(temperature))
        return self.decide(logits)

    def decide(self, logits: Tensor) -> Tensor:
        """Weights in evaluation, from logits (B, masks)."""
        return logits.softmax(-1)


class RoutedAttention(CrossAttention):
    """MHCAR: multi-head cross attention with routed windows; Q, K, V are shared by all masks."""

    windows: Tensor

    def __init__(
        self, config: DiffRGenNetConfig, masks: int, anchors: Anchors = peak, views: int = VIEWS
    ) -> None:  # fmt: skip
        super().__init__(config)
        self.anchors = anchors
        self.router = Router(config.d_model, masks)
        self.register_buffer("windows", build_windows(GRID, masks, views))

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Attended:
        """z (B, n, d), z_mask (B, n), f (B, m, d), f_mask (B, m); `temperature` is the router's in training."""
        mixed, alpha = self.mix(z, f, f_mask, temperature)
        return Attended(self.gather(mixed, f), f, alpha, mixed.mean(1))

    def mix(self, z: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Attention (B, h, n, m), the masks mixed by the router's alpha (B, masks)."""
        scores = self.scores(z, f, f_mask)  # (B, h, n, m)
        alpha = self.router(f, f_mask, temperature)
        globally = scores.softmax(-1)
        anchors = self.anchors(globally, f_mask)
        mixed = alpha[:, 0, None, None, None] * globally
        for order in range(1, alpha.shape[1]):
            window = self.windows[order][anchors].unsqueeze(1)  # (B, 1, n, m)
            local = scores.masked_fill(~window, BLOCKED).softmax(-1)
            mixed = mixed + alpha[:, order, None, None, None] * local
        return mixed, alpha


class SoftRegistration(RoutedAttention):
    """Puts the patches of one image where another one shows the same anatomy.

    The patches themselves are gathered, not values learnt from them, so that what is unchanged stays equal.
    """

    def __init__(self, config: DiffRGenNetConfig, masks: int) -> None:
        super().__init__(config, masks, own_place, views=1)
        del self.v, self.out

    def register(self, z: Tensor, f: Tensor, temperature: Tensor) -> Tensor:
        """z, f (B, m, d): the patches of f, each mixed from those that patch l of z finds around place l."""
        there = torch.ones(f.shape[:2], dtype=torch.bool, device=f.device)
        mixed, _ = self.mix(z, f, there, temperature)
        aligned: Tensor = mixed.mean(1).to(f.dtype) @ f
        return aligned


def gumbel_temperature(progress: float) -> float:
    """Anneal 10 -> 1 over the first 30 % of the steps, then 1 -> 0.1 (TRAR policy 1); progress in 0..1."""
    if progress < 0.3:
        return 10 - 9 * progress / 0.3
    return 1 - 0.9 * (progress - 0.3) / 0.7
