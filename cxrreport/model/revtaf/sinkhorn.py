"""MPSA: attention as optimal transport between patches and prompts (REVTAF Eq. 10-11).

Everything here runs in single precision, under autocast as well.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.model.attention import Attended, join_heads, split_heads
from cxrreport.model.config import DROPOUT, DiffRGenNetConfig

_EPSILON = 0.05
_STEPS, _TOLERANCE = 100, 1e-6
_TRACKED = 5  # last steps that carry a gradient: the memory of all hundred would exceed the network's
_EMPTY = -1e4  # logarithm of a marginal of nothing: its exponential is 0 in single precision


def _log_marginal(present: Tensor) -> Tensor:
    """present (B, k) bool -> (B, 1, k) log of an even share over those present."""
    even = -present.sum(1, keepdim=True).clamp(min=1).float().log()
    return torch.where(present, even, _EMPTY).unsqueeze(1)


def sinkhorn(cost: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Plan T (B, h, m, K) for cost (B, h, m, K): rows sum to 1 / m, columns to 1 / K, of those present.

    rows (B, m), columns (B, K) bool, each with one True at least. Every (study, head) stops by itself once its
    potentials move by less than 1e-6 on average, so that a study's plan does not hang on what else is in the batch.
    """
    kernel = -cost.float() / _EPSILON
    log_rows, log_columns = _log_marginal(rows), _log_marginal(columns)

    def over_rows(v: Tensor) -> Tensor:
        return log_rows - (kernel + v.unsqueeze(-2)).logsumexp(-1)  # (B, h, m)

    def over_columns(u: Tensor) -> Tensor:
        return log_columns - (kernel + u.unsqueeze(-1)).logsumexp(-2)  # (B, h, K)

    with torch.no_grad():
        u, v = kernel.new_zeros(kernel.shape[:3]), kernel.new_zeros(*kernel.shape[:2], kernel.shape[3])
        count = rows.sum(1)[:, None]
        for _ in range(_STEPS - _TRACKED):
            moved = over_rows(v)
            change = ((moved - u).abs() * rows.unsqueeze(1)).sum(-1) / count  # (B, h)
            going = (change >= _TOLERANCE).unsqueeze(-1)
            u = torch.where(going, moved, u)
            v = torch.where(going, over_columns(u), v)
            if not going.any():
                break
    for _ in range(_TRACKED):
        v = over_columns(u)
        u = over_rows(v)  # last, so that the rows are exact
    return (kernel + u.unsqueeze(-1) + v.unsqueeze(-2)).exp()


class Transport(nn.Module):
    """Plan between patches and prompts by the cosine of their projections, head by head."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q, self.k = (nn.Linear(config.d_model, config.d_model) for _ in range(2))

    def forward(self, f: Tensor, f_mask: Tensor, prompts: Tensor, prompt_mask: Tensor) -> tuple[Tensor, Tensor]:
        """f (B, m, d), f_mask (B, m), prompts (B, K, d), prompt_mask (B, K) -> plan T (B, h, m, K), map R (B, K, m).

        R = m K cos T, mean over the heads: 1 where a patch gets its even share of a prompt that it equals.
        """
        with torch.autocast(f.device.type, enabled=False):
            q = F.normalize(split_heads(self.q(f.float()), self.heads), dim=-1)
            k = F.normalize(split_heads(self.k(prompts.float()), self.heads), dim=-1)
            cosine = q @ k.transpose(-1, -2)  # (B, h, m, K)
            plan = sinkhorn(1 - cosine, f_mask, prompt_mask)
            size = (f_mask.sum(1) * prompt_mask.sum(1))[:, None, None]
            return plan, size * (cosine * plan).mean(1).transpose(1, 2)


class SinkhornAttention(nn.Module):
    """MPSA in MHCAR's place. Patches gather text through the plan, (m T) v, and are those of the next layer; report
    tokens read them back through the same plan, K T^T, whose rows sum to 1.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d = config.d_model
        self.heads = config.heads
        self.transport = Transport(config)
        self.v, self.project, self.back, self.out = (nn.Linear(d, d) for _ in range(4))
        self.feed_forward = nn.Sequential(nn.Linear(d, config.ffn), nn.ReLU(), nn.Linear(config.ffn, d))
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(2))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Attended:
        """z (B, n, d), z_mask (B, n), f (B, m, d), f_mask (B, m); the map is R of `Transport`, no router, no `temperature`."""
        plan, found = self.transport(f, f_mask, z, z_mask)
        patches, reports = (mask.sum(1)[:, None, None, None] for mask in (f_mask, z_mask))
        f = self.norms[0](f + self.dropout(self.project(self._gather(patches * plan, self.v(z)))))
        f = self.norms[1](f + self.dropout(self.feed_forward(f)))
        tokens = self.out(self._gather(reports * plan.transpose(-1, -2), self.back(f)))
        return Attended(tokens, f, None, found)

    def _gather(self, shares: Tensor, values: Tensor) -> Tensor:
        return join_heads(shares.to(values.dtype) @ split_heads(values, self.heads))
