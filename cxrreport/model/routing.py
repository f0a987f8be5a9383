"""Dynamically routed attention: MHCAR of DiffRGenNet (Eq. 4-7, model.md §1.6), and TRAR's for comparison.

Every layer computes one score matrix, masks it to windows of several orders around each query's anchor patch, and mixes
the resulting attentions with weights that a router draws from the image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.model.attention import BLOCKED, CrossAttention, Look
from cxrreport.model.config import VIEWS, DiffRGenNetConfig

_TRAR_MASKS = 4  # orders 0..3 in every layer


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


class Router(nn.Module):
    """Weights over the masks of one layer (Eq. 7). Gumbel noise in training only, so that drafts never vary (A11).

    With `binarize` the likeliest mask alone is used in evaluation.
    """

    def __init__(self, width: int, masks: int, binarize: bool = False) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width // 2, bias=False), nn.ReLU(), nn.Linear(width // 2, masks))
        self.binarize = binarize

    def forward(self, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Tensor:
        """f (B, m, d), f_mask (B, m) -> alpha (B, masks), rows sum to 1."""
        weight = f_mask.unsqueeze(-1).to(f.dtype)
        logits: Tensor = self.mlp((f * weight).sum(1) / weight.sum(1).clamp(min=1)).float()
        if self.training:
            sampled: Tensor = F.gumbel_softmax(logits.log_softmax(-1), tau=float(temperature))
            return sampled
        if self.binarize:
            return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
        weights: Tensor = logits.softmax(-1)
        return weights


class RoutedAttention(CrossAttention):
    """MHCAR: multi-head cross attention with routed windows; Q, K, V are shared by all masks (A8)."""

    windows: Tensor

    def __init__(self, config: DiffRGenNetConfig, masks: int, anchor: str | None = None, views: int = VIEWS) -> None:
        super().__init__(config)
        self.anchor = anchor or config.anchor
        self.router = Router(config.d_model, masks, config.binarize)
        self.register_buffer("windows", build_windows(config.grid, masks, views))

    def _anchors(self, attention: Tensor, f_mask: Tensor) -> Tensor:
        """attention (B, h, n, m) of order 0, f_mask (B, m) -> anchor of each query (B, n), a patch that is there.

        "cyclic" counts through the patches of the study's own films. With "identity" query i is patch i; one that is
        not there has no place, and its cyclic anchor only keeps it finite.
        """
        if self.anchor == "peak":
            return attention.detach().mean(1).argmax(-1)
        there = (~f_mask).byte().argsort(dim=1, stable=True)  # (B, m), those that are there first
        query = torch.arange(attention.shape[2], device=f_mask.device).expand(len(f_mask), -1)  # (B, n)
        cyclic = there.gather(1, query % f_mask.sum(1, keepdim=True).clamp(min=1))
        if self.anchor == "cyclic":
            return cyclic
        own = query % f_mask.shape[1]
        return torch.where(f_mask.gather(1, own), own, cyclic)

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Look:
        """z (B, n, d), z_mask (B, n), f (B, m, d), f_mask (B, m); `temperature` is the router's in training."""
        mixed, alpha = self.mix(z, f, f_mask, temperature)
        return Look(self.gather(mixed, f), f, alpha, mixed.mean(1))

    def mix(self, z: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Attention (B, h, n, m), the masks mixed by the router's alpha (B, masks)."""
        scores = self.scores(z, f, f_mask)  # (B, h, n, m)
        alpha = self.router(f, f_mask, temperature)
        globally = scores.softmax(-1)
        anchors = self._anchors(globally, f_mask)
        mixed = alpha[:, 0, None, None, None] * globally
        for order in range(1, alpha.shape[1]):
            window = self.windows[order][anchors].unsqueeze(1)  # (B, 1, n, m)
            local = scores.masked_fill(~window, BLOCKED).softmax(-1)
            mixed = mixed + alpha[:, order, None, None, None] * local
        return mixed, alpha


class SoftRegistration(RoutedAttention):
    """Puts the patches of one film where another one shows the same anatomy (temporal.md §2.2 step 2).

    The patches themselves are gathered, not values learnt from them, so that what is unchanged stays equal.
    """

    def __init__(self, config: DiffRGenNetConfig, masks: int) -> None:
        super().__init__(config, masks, anchor="identity", views=1)
        del self.v, self.out

    def register(self, z: Tensor, f: Tensor, temperature: Tensor) -> Tensor:
        """z, f (B, m, d): the patches of f, each mixed from those that patch l of z finds around place l."""
        there = torch.ones(f.shape[:2], dtype=torch.bool, device=f.device)
        mixed, _ = self.mix(z, f, there, temperature)
        aligned: Tensor = mixed.mean(1).to(f.dtype) @ f
        return aligned


class TRARAttention(nn.Module):
    """Table A's "TRAR" (Zhou et al., ICCV 2021): the patches route their own attention, the reports do not.

    DiffRGenNet §2.2 sets itself apart from it thus: TRAR performs "routing on a single feature's attention grid", DRA
    routes "hierarchical co-attention across both image and text features". So here the windows and the router act on
    the self-attention of the patches, where the anchor of a patch is itself ("identity"; DRA needs "peak" or "cyclic"
    because a report has no place on the grid). All layers choose among the same orders 0..3 (DRA: p_k grows with the
    layer, "hierarchical"). The report tokens then attend to the refined patches plainly, which hand on to the next
    layer. Soft routing with Gumbel noise in training and none in evaluation, as in DRA; TRAR's feed-forward over the
    patches is left out, so that the layers cost about the same.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.grid = RoutedAttention(config, min(_TRAR_MASKS, config.grid), anchor="identity")
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.cross = CrossAttention(config)

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Look:
        """Shapes as in `RoutedAttention`."""
        routed = self.grid(f, f_mask, f, f_mask, temperature)
        f = self.norm(f + self.dropout(routed.tokens))
        look: Look = self.cross(z, z_mask, f, f_mask, temperature)
        return look._replace(alpha=routed.alpha)


def gumbel_temperature(progress: float) -> float:
    """Anneal 10 -> 1 over the first 30 % of the steps, then 1 -> 0.1 (TRAR policy 1); progress in 0..1."""
    if progress < 0.3:
        return 10 - 9 * progress / 0.3
    return 1 - 0.9 * (progress - 0.3) / 0.7
