"""What all ways of letting report tokens look at image patches have in common, and the plainest of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from cxrreport.model.config import DiffRGenNetConfig

BLOCKED = -1e9  # additive, before the softmax


class Attended(NamedTuple):
    """What stands in MHCAR's place gives this, before residual and norm.

    tokens (B, n, d); patches (B, m, d) that the next layer sees; alpha (B, masks) of a router, or None; attention_map
    (B, n, m), the mean over the heads.
    """

    tokens: Tensor
    patches: Tensor
    alpha: Tensor | None
    attention_map: Tensor


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, d) -> (B, h, n, d_h)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(B, h, n, d_h) -> (B, n, d)."""
    return x.transpose(1, 2).flatten(2)


class CrossAttention(nn.Module):
    """Table A's "Transformer": one softmax over all patches, neither windows nor router."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d = config.d_model
        self.heads = config.heads
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))

    def scores(self, z: Tensor, f: Tensor, f_mask: Tensor) -> Tensor:
        """z (B, n, d), f (B, m, d), f_mask (B, m) -> (B, h, n, m) in single precision, patches not there blocked."""
        scores = split_heads(self.q(z), self.heads) @ split_heads(self.k(f), self.heads).transpose(-1, -2)
        scaled: Tensor = scores.float() / (z.shape[-1] // self.heads) ** 0.5
        return scaled.masked_fill(~f_mask[:, None, None, :], BLOCKED)

    def gather(self, attention: Tensor, f: Tensor) -> Tensor:
        """attention (B, h, n, m) over f (B, m, d) -> (B, n, d)."""
        out: Tensor = self.out(join_heads(attention.to(f.dtype) @ split_heads(self.v(f), self.heads)))
        return out

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Attended:
        """z (B, n, d), z_mask (B, n), f (B, m, d), f_mask (B, m); there is no router for `temperature` to heat."""
        attention = torch.softmax(self.scores(z, f, f_mask), -1)
        return Attended(self.gather(attention, f), f, None, attention.mean(1))
