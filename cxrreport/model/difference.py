"""Feature Difference (DiffRGenNet Eq. 1): how each retrieved report differs from the image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.model.config import METRICS, DiffRGenNetConfig
from cxrreport.model.together import total


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


class LiteralDifference(nn.Module):
    """Eq. 1 as printed: distances -> BatchNorm over the metrics -> MLP. It knows nothing of a report but the metrics."""

    def __init__(self, config: DiffRGenNetConfig, metrics: tuple[str, ...] = METRICS) -> None:
        super().__init__()
        d = config.d_model
        self.chosen = [METRICS.index(metric) for metric in metrics]
        self.norm = nn.BatchNorm1d(len(metrics))
        self.mlp = nn.Sequential(nn.Linear(len(metrics), d), nn.GELU(), nn.Linear(d, d))

    def forward(self, e: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """e (B, N, d), f (B, d), mask (B, N) bool -> difference tokens (B, N, d); padding is left out of the statistics."""
        return self.compare(e, f, mask) * mask.unsqueeze(-1)

    def compare(self, e: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """As `forward`, with whatever at the padding."""
        x = distances(e, f)[..., self.chosen]  # (B, N, metrics)
        normed = x.new_zeros(x.shape)
        if count := int(total(mask.sum())):
            normed[mask] = self._normalise(x[mask], count).to(x.dtype)  # (valid, metrics)
        difference: Tensor = self.mlp(normed)
        return difference

    def _normalise(self, valid: Tensor, count: int) -> Tensor:
        """Batch norm of (valid, metrics), `count` rows in all; one alone has no statistics, so the running ones serve it."""
        norm, learning = self.norm, self.training and count > 1
        if learning:
            normed: Tensor = norm(valid)
            return normed
        return F.batch_norm(valid, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


class FeatureDifference(LiteralDifference):
    """Eq. 1, and a content path W_c(e - f) that starts at zero."""

    def __init__(self, config: DiffRGenNetConfig, metrics: tuple[str, ...] = METRICS) -> None:
        super().__init__(config, metrics)
        self.content = nn.Linear(config.d_model, config.d_model, bias=False)
        nn.init.zeros_(self.content.weight)

    def compare(self, e: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """As in `LiteralDifference`, with the content."""
        difference = super().compare(e, f, mask)
        content: Tensor = self.content(e - f.unsqueeze(1))
        return difference + content
