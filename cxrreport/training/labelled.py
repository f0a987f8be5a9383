"""What studies with a report and labelled images without one tell of findings: each kind by rules of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.sample import Sample
from cxrreport.evaluation.clinical import COMMON, mean_auc
from cxrreport.findings import FINDINGS
from cxrreport.model.together import total

KINDS = 2  # without and with a report
Labelled = Sample | LabelledImage


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of B samples: positive and known (B, 14) float, kind (B,): 1 where a report tells, else 0."""

    positive: Tensor
    known: Tensor
    kind: Tensor

    def loss(self, logits: Tensor) -> Tensor:
        """Cross-entropy of logits (B, 14), over the findings that are told."""
        loss = F.binary_cross_entropy_with_logits(logits.float(), self.positive, self.known, reduction="sum")
        return total(loss) / total(self.known.sum()).clamp(min=1)


def stack_labels(samples: Sequence[Labelled], device: torch.device) -> Labels:
    """The labels of samples, on a device."""
    positive, known = (
        torch.from_numpy(np.stack([getattr(s, part) for s in samples])) for part in ("positive", "known")
    )
    kind = torch.tensor([int(isinstance(s, Sample)) for s in samples])
    return Labels(positive.float().to(device), known.float().to(device), kind.to(device))


class KindHeads(nn.Module):
    """A linear head of findings for each kind; with one for both the encoder would learn to tell the collections apart."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, KINDS * len(FINDINGS))

    def forward(self, pooled: Tensor, kind: Tensor) -> Tensor:
        """Logits (B, 14) of pooled features (B, C), by the head of each sample's kind (B,)."""
        logits = self.linear(pooled).unflatten(1, (KINDS, -1))
        chosen: Tensor = logits[torch.arange(len(logits)), kind]
        return chosen


Scored = tuple[Sequence[Labelled], Tensor]  # samples and their logits (n, 14)


def mean_areas(studies: Scored, films: Scored | None = None) -> dict[str, float]:
    """Mean AUC of logits: `mean_auc` of studies, over the findings with positives and negatives, `mean_auc_common`, over
    those with eight positives or more, `mean_auc_films` of labelled images, over such findings. What cannot be told is
    left out.
    """
    means = {"mean_auc": _mean(studies), "mean_auc_common": _mean(studies, COMMON)}
    means["mean_auc_films"] = _mean(films, COMMON) if films else None
    return {name: mean for name, mean in means.items() if mean is not None}


def _mean(scored: Scored, fewest: int = 1) -> float | None:
    samples, logits = scored
    truth = [np.where(s.known, s.positive, np.nan) for s in samples]  # (n, 14): nan where nothing tells
    return mean_auc(truth, logits.numpy(), fewest)
