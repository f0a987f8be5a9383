"""Feature Difference (DiffRGenNet Eq. 1, model.md §1.5): how each retrieved report differs from the image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.model.config import METRICS, DiffRGenNetConfig


def distances(e: Tensor, f: Tensor) -> Tensor:
    """Return l2, cosine and dot product of e (B, N, d) against f (B, d) as (B, N, 3).

    l2 and dot are divided by sqrt(d). The inputs are not unit-normalised: on the sphere the three would be one.
    """
    scale = e.shape[-1] ** 0.5
    f = f.unsqueeze(1).expand_as(e)
    l2 = (e - f).norm(dim=-1) / scale
    cosine = F.cosine_similarity(e, f, dim=-1)
    dot = (e * f).sum(-1) / scale
    return torch.stack([l2, cosine, dot], dim=-1)


class FeatureDifference(nn.Module):
    """distances -> BatchNorm over the metrics -> MLP, plus a zero-initialised content path (flag `diff_content`)."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        unknown = set(config.metrics) - set(METRICS)
        if unknown or not config.metrics:
            raise ValueError(f"metrics must be some of {METRICS}.")
        self.chosen = [METRICS.index(metric) for metric in config.metrics]
        self.norm = nn.BatchNorm1d(len(self.chosen))
        d = config.d_model
        self.mlp = nn.Sequential(nn.Linear(len(self.chosen), d), nn.GELU(), nn.Linear(d, d))
        self.content = nn.Linear(d, d, bias=False) if config.diff_content else None
        if self.content is not None:
            nn.init.zeros_(self.content.weight)

    def forward(self, e: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """e (B, N, d), f (B, d), mask (B, N) bool -> difference tokens (B, N, d); padding is left out of the statistics."""
        x = distances(e, f)[..., self.chosen]  # (B, N, metrics)
        normed = x.new_zeros(x.shape)
        if mask.any():
            normed[mask] = self._normalise(x[mask]).to(x.dtype)  # (valid, metrics)
        difference: Tensor = self.mlp(normed)
        if self.content is not None:
            difference = difference + self.content(e - f.unsqueeze(1))
        return difference * mask.unsqueeze(-1)

    def _normalise(self, valid: Tensor) -> Tensor:
        """Batch norm of (valid, metrics); a report alone has no statistics, so the running ones serve it."""
        norm, learning = self.norm, self.training and len(valid) > 1
        if learning:
            normed: Tensor = norm(valid)
            return normed
        return F.batch_norm(valid, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
