"""FAM: the stack of layers in which report (or change) tokens meet image patches (DiffRGenNet Eq. 2-3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxrreport.model.attention import Attended
from cxrreport.model.config import DROPOUT, VIEWS, DiffRGenNetConfig
from cxrreport.model.routing import Anchors, RoutedAttention, peak


class DRALayer(nn.Module):
    """MHCAR (or what an ablation puts in its place), self-attention over the tokens, feed-forward; post-norm."""

    def __init__(self, config: DiffRGenNetConfig, routed: nn.Module) -> None:
        super().__init__()
        d = config.d_model
        self.routed = routed
        self.attention = nn.MultiheadAttention(d, config.heads, dropout=DROPOUT, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d, config.ffn), nn.ReLU(), nn.Linear(config.ffn, d))
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(3))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Attended:
        """z (B, n, d), z_mask (B, n) True on real tokens, f (B, m, d), f_mask (B, m)."""
        routed: Attended = self.routed(z, z_mask, f, f_mask, temperature)
        z = self.norms[0](z + self.dropout(routed.tokens))
        attended, _ = self.attention(z, z, z, key_padding_mask=~z_mask, need_weights=False)
        z = self.norms[1](z + self.dropout(attended))
        z = self.norms[2](z + self.dropout(self.feed_forward(z)))
        return routed._replace(tokens=z)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Output of a FAM: tokens (B, n, d), router weights of the layers that have one [(B, p_k)], map of the last layer
    (B, n, m): its attention over the patches.
    """

    tokens: Tensor
    alphas: list[Tensor]
    attention_map: Tensor


class FAM(nn.Module):
    """K layers of routed attention, K the length of `masks_per_layer`."""

    temperature: Tensor

    def __init__(self, config: DiffRGenNetConfig, anchors: Anchors = peak, views: int = VIEWS) -> None:
        super().__init__()
        routed = (RoutedAttention(config, masks, anchors, views) for masks in config.masks_per_layer)
        self.layers = nn.ModuleList(DRALayer(config, one) for one in routed)
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor) -> Alignment:
        """z (B, n, d), z_mask (B, n), f (B, m, d), f_mask (B, m). A row without any token attends to its first one."""
        safe_mask = z_mask.clone()
        safe_mask[:, 0] |= ~z_mask.any(1)  # softmax over nothing would be NaN
        alphas = []
        for layer in self.layers:
            z, f, alpha, attention_map = layer(z, safe_mask, f, f_mask, self.temperature)
            if alpha is not None:
                alphas.append(alpha)
        return Alignment(z * z_mask.unsqueeze(-1), alphas, attention_map)
