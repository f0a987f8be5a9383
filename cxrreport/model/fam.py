"""FAM: the stack of layers in which report (or change) tokens meet image patches (DiffRGenNet Eq. 2-3, model.md §1.6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cxrreport.model.attention import CrossAttention, Look
from cxrreport.model.config import VIEWS, DiffRGenNetConfig
from cxrreport.model.routing import RoutedAttention, TRARAttention
from cxrreport.model.sinkhorn import SinkhornAttention


class DRALayer(nn.Module):
    """MHCAR (or what an ablation puts in its place), self-attention over the tokens, feed-forward; post-norm."""

    def __init__(self, config: DiffRGenNetConfig, routed: nn.Module) -> None:
        super().__init__()
        d, p = config.d_model, config.dropout
        self.routed = routed
        self.attention = nn.MultiheadAttention(d, config.heads, dropout=p, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d, config.ffn), nn.ReLU(), nn.Linear(config.ffn, d))
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(3))
        self.dropout = nn.Dropout(p)

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Look:
        """z (B, n, d), z_mask (B, n) True on real tokens, f (B, m, d), f_mask (B, m)."""
        look: Look = self.routed(z, z_mask, f, f_mask, temperature)
        z = self.norms[0](z + self.dropout(look.tokens))
        attended, _ = self.attention(z, z, z, key_padding_mask=~z_mask, need_weights=False)
        z = self.norms[1](z + self.dropout(attended))
        z = self.norms[2](z + self.dropout(self.feed_forward(z)))
        return look._replace(tokens=z)


class ConcatLayer(nn.Module):
    """Table A's "Concat", "merely concatenating the two features": no attention, neither to patches nor among reports.

    Each token is joined with the mean of the patches and goes through an MLP. One such layer stands for the stack.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d = config.d_model
        self.mlp = nn.Sequential(
            nn.Linear(2 * d, config.ffn),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.ffn, d),
            nn.LayerNorm(d),
        )

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Look:
        """Shapes as in `DRALayer`; the map is the even share of each patch in the mean."""
        share = f_mask.to(f.dtype) / f_mask.sum(1, keepdim=True).clamp(min=1)  # (B, m)
        mean = (share.unsqueeze(1) @ f).expand(-1, z.shape[1], -1)  # (B, n, d)
        return Look(self.mlp(torch.cat([z, mean], dim=-1)), f, None, share.unsqueeze(1).expand(-1, z.shape[1], -1))


def build_layers(
    config: DiffRGenNetConfig, attention: str, anchor: str | None = None, views: int = VIEWS
) -> list[nn.Module]:
    """The layers of one FAM. Only "dra" heeds the values of `masks_per_layer`, `anchor` (by default that of the
    configuration) and the number of `views` that the patches come from; "concat" not even the number of layers.
    """
    if attention == "concat":
        return [ConcatLayer(config)]
    if attention == "dra":
        return [DRALayer(config, RoutedAttention(config, masks, anchor, views)) for masks in config.masks_per_layer]
    kind = {"transformer": CrossAttention, "trar": TRARAttention, "mpsa": SinkhornAttention}[attention]
    return [DRALayer(config, kind(config)) for _ in config.masks_per_layer]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Output of a FAM: tokens (B, n, d), router weights of the layers that have one [(B, p_k)], map of the last layer
    (B, n, m): attention over the patches, for "mpsa" R of §3.3.
    """

    tokens: Tensor
    alphas: list[Tensor]
    attention_map: Tensor


class FAM(nn.Module):
    """K layers of the given attention; with `attention` None no layer at all, for a branch that nothing reads."""

    temperature: Tensor

    def __init__(
        self, config: DiffRGenNetConfig, attention: str | None = "dra", anchor: str | None = None, views: int = VIEWS
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(build_layers(config, attention, anchor, views) if attention else [])
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor) -> Alignment:
        """z (B, n, d), z_mask (B, n), f (B, m, d), f_mask (B, m). A row without any token attends to its first one."""
        safe_mask = z_mask.clone()
        safe_mask[:, 0] |= ~z_mask.any(1)  # softmax over nothing would be NaN
        alphas = []
        attention_map = z.new_zeros(*z.shape[:2], f.shape[1])
        for layer in self.layers:
            z, f, alpha, attention_map = layer(z, safe_mask, f, f_mask, self.temperature)
            if alpha is not None:
                alphas.append(alpha)
        return Alignment(z * z_mask.unsqueeze(-1), alphas, attention_map)
