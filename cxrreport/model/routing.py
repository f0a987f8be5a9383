"""FAM: feature alignment by dynamically routed attention (DiffRGenNet Eq. 2-7, model.md §1.6).

Queries are report (or change) tokens, keys and values are image patches. Every layer computes one score matrix, masks it
to windows of several orders around each query's anchor patch, and mixes the resulting attentions with weights that a
router draws from the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.model.config import VIEWS, DiffRGenNetConfig

_BLOCKED = -1e9  # additive, before the softmax (A7)


def build_windows(grid: int, orders: int) -> Tensor:
    """Return (orders, m, m) bool, m = VIEWS * grid**2: may anchor i see key j at order s?

    Order 0 sees everything; order s sees the patches of the same view within Chebyshev distance s.
    """
    cell = torch.arange(grid * grid)
    row, column = cell // grid, cell % grid
    distance = torch.maximum((row[:, None] - row).abs(), (column[:, None] - column).abs())  # (g*g, g*g)
    m = VIEWS * grid * grid
    windows = torch.zeros(orders, m, m, dtype=torch.bool)
    windows[0] = True
    for order in range(1, orders):
        windows[order] = torch.block_diag(*[distance <= order] * VIEWS).bool()
    return windows


class Router(nn.Module):
    """Weights over the masks of one layer (Eq. 7). Gumbel noise in training only, so that drafts never vary (A11)."""

    def __init__(self, width: int, masks: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width // 2, bias=False), nn.ReLU(), nn.Linear(width // 2, masks))

    def forward(self, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Tensor:
        """f (B, m, d), f_mask (B, m) -> alpha (B, masks), rows sum to 1."""
        weight = f_mask.unsqueeze(-1).to(f.dtype)
        logits: Tensor = self.mlp((f * weight).sum(1) / weight.sum(1).clamp(min=1)).float()
        if self.training:
            sampled: Tensor = F.gumbel_softmax(logits.log_softmax(-1), tau=float(temperature))
            return sampled
        weights: Tensor = logits.softmax(-1)
        return weights


class RoutedAttention(nn.Module):
    """MHCAR: multi-head cross attention with routed windows; Q, K, V are shared by all masks (A8)."""

    windows: Tensor

    def __init__(self, config: DiffRGenNetConfig, masks: int) -> None:
        super().__init__()
        d = config.d_model
        self.heads, self.anchor, self.cells = config.heads, config.anchor, config.grid**2
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.router = Router(d, masks)
        self.register_buffer("windows", build_windows(config.grid, masks))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, h, n, d_h)

    def _anchors(self, attention: Tensor) -> Tensor:
        """attention (B, h, n, m) of order 0 -> anchor patch of each query (B, n)."""
        batch, _, n, _ = attention.shape
        if self.anchor == "peak":
            return attention.detach().mean(1).argmax(-1)
        index = torch.arange(n, device=attention.device).expand(batch, n)
        return index % self.cells if self.anchor == "cyclic" else index

    def forward(self, z: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z (B, n, d), f (B, m, d), f_mask (B, m) -> output (B, n, d), alpha (B, masks), head-mean map (B, n, m)."""
        scores = self._heads(self.q(z)) @ self._heads(self.k(f)).transpose(-1, -2)  # (B, h, n, m)
        scores = scores.float() / (z.shape[-1] // self.heads) ** 0.5
        scores = scores.masked_fill(~f_mask[:, None, None, :], _BLOCKED)
        alpha = self.router(f, f_mask, temperature)
        globally = scores.softmax(-1)
        anchors = self._anchors(globally)
        mixed = alpha[:, 0, None, None, None] * globally
        for order in range(1, alpha.shape[1]):
            window = self.windows[order][anchors].unsqueeze(1)  # (B, 1, n, m)
            local = scores.masked_fill(~window, _BLOCKED).softmax(-1)
            mixed = mixed + alpha[:, order, None, None, None] * local
        attended = (mixed.to(f.dtype) @ self._heads(self.v(f))).transpose(1, 2).flatten(2)  # (B, n, d)
        return self.out(attended), alpha, mixed.mean(1)


class DRALayer(nn.Module):
    """MHCAR, self-attention over the tokens, feed-forward; post-norm."""

    def __init__(self, config: DiffRGenNetConfig, masks: int) -> None:
        super().__init__()
        d, p = config.d_model, config.dropout
        self.routed = RoutedAttention(config, masks)
        self.attention = nn.MultiheadAttention(d, config.heads, dropout=p, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d, config.ffn), nn.ReLU(), nn.Linear(config.ffn, d))
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(3))
        self.dropout = nn.Dropout(p)

    def forward(
        self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Shapes as in `RoutedAttention`; z_mask (B, n) is True on real tokens."""
        routed, alpha, attention_map = self.routed(z, f, f_mask, temperature)
        z = self.norms[0](z + self.dropout(routed))
        attended, _ = self.attention(z, z, z, key_padding_mask=~z_mask, need_weights=False)
        z = self.norms[1](z + self.dropout(attended))
        z = self.norms[2](z + self.dropout(self.feed_forward(z)))
        return z, alpha, attention_map


@dataclass(frozen=True, slots=True)
class Alignment:
    """Output of a FAM: tokens (B, n, d), router weights a layer [(B, p_k)], attention map of the last layer (B, n, m)."""

    tokens: Tensor
    alphas: list[Tensor]
    attention_map: Tensor


class FAM(nn.Module):
    """K DRA layers; layer k routes among p_k windows."""

    temperature: Tensor

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DRALayer(config, masks) for masks in config.masks_per_layer)
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor) -> Alignment:
        """z (B, n, d), z_mask (B, n), f (B, m, d), f_mask (B, m). A row without any token attends to its first one."""
        safe_mask = z_mask.clone()
        safe_mask[:, 0] |= ~z_mask.any(1)  # softmax over nothing would be NaN
        alphas = []
        attention_map = z.new_zeros(())
        for layer in self.layers:
            z, alpha, attention_map = layer(z, safe_mask, f, f_mask, self.temperature)
            alphas.append(alpha)
        return Alignment(z * z_mask.unsqueeze(-1), alphas, attention_map)


def gumbel_temperature(progress: float) -> float:
    """Anneal 10 -> 1 over the first 30 % of the steps, then 1 -> 0.1 (TRAR policy 1); progress in 0..1."""
    if progress < 0.3:
        return 10 - 9 * progress / 0.3
    return 1 - 0.9 * (progress - 0.3) / 0.7
