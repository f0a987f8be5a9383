"""Losses of DiffRGenNet (docs/model.md, Losses) and of the retrieval encoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cxrreport.model.config import POSITIVE
from cxrreport.model.together import total

_TEMPERATURE = 0.07


def adjusted_cross_entropy(logits: Tensor, states: Tensor, label_prior: Tensor) -> Tensor:
    """L_SDL (Eq. 9): cross-entropy of logits (B, 4, 14) and states (B, 14) with log pi added to the positive logit."""
    shift = torch.zeros_like(logits)
    shift[:, POSITIVE] = label_prior.clamp(0.01, 1).log()
    return F.cross_entropy(logits + shift, states)


def presence_loss(logits: Tensor, positive: Tensor, known: Tensor, label_prior: Tensor) -> Tensor:
    """L_SDL where only presence is told: logits (B, 4, 14), positive and known (B, 14) bool; "not positive" is any of the
    other three states. 0 where nothing is known.
    """
    shifted = logits[:, POSITIVE] + label_prior.clamp(0.01, 1).log()
    others = torch.cat([logits[:, :POSITIVE], logits[:, POSITIVE + 1 :]], dim=1).logsumexp(1)
    each = F.binary_cross_entropy_with_logits(shifted - others, positive.to(logits.dtype), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def updated_prior(old: Tensor, positive: Tensor, states: Tensor) -> Tensor:
    """pi after an epoch: mean p(positive) over the positive studies of each finding, over the maximum.

    old (14,), positive (n, 14) probabilities, states (n, 14). A finding without positives keeps its value; the result
    lies in [0.01, 1].
    """
    is_positive = (states == POSITIVE).float()
    count = is_positive.sum(0)
    mean = (positive * is_positive).sum(0) / count.clamp(min=1)
    mean = torch.where(count > 0, mean / mean.max().clamp(min=1e-6), old)
    return mean.clamp(0.01, 1)


def language_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Next-token cross-entropy of logits (B, T, V); labels (B, T) hold -100 where nothing is to be learnt."""
    asked = labels[:, 1:].flatten()
    lost = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), asked, ignore_index=-100, reduction="sum")
    return total(lost) / total((asked != -100).sum())


def jaccard(positives: Tensor, others: Tensor | None = None) -> Tensor:
    """Jaccard index (B, k) of label sets (B, 14) bool and others (k, 14), by default each other; two empty sets count
    as equal.
    """
    mine = positives.float()
    theirs = mine if others is None else others.float()
    both = mine @ theirs.T
    either = mine.sum(1)[:, None] + theirs.sum(1)[None, :] - both
    return torch.where(either > 0, both / either.clamp(min=1), torch.ones_like(both))


class Earlier(NamedTuple):
    """Studies of past steps for L_SCL: anchors and reports (k, d) without gradient, positives (k, 14) bool."""

    anchors: Tensor
    reports: Tensor
    positives: Tensor


def contrastive_loss(a: Tensor, n: Tensor, t: Tensor, positives: Tensor, earlier: Earlier | None = None) -> Tensor:
    """L_SCL (Eq. 8 as InfoNCE). a, n, t (B, d) unit vectors, positives (B, 14) bool. Never negative.

    Positives of a_i are t_i (weight 1) and the a_j of Jaccard >= 0.5 (weight = Jaccard). Negatives are all difference
    vectors n and the a_j, t_j of Jaccard 0. j runs over the batch and over the `earlier` studies.
    """
    anchors, reports, sets = a, t, positives
    if earlier is not None:
        anchors, reports = torch.cat([a, earlier.anchors]), torch.cat([t, earlier.reports])
        sets = torch.cat([positives, earlier.positives])
    similarity = jaccard(positives, sets)  # (B, k)
    own = torch.eye(*similarity.shape, dtype=torch.bool, device=a.device)
    to_a, to_n, to_t = (a @ x.T / _TEMPERATURE for x in (anchors, n, reports))  # (B, k), (B, B), (B, k)
    unrelated = (similarity == 0) & ~own
    negatives = torch.cat([to_n, to_a.masked_fill(~unrelated, -1e9), to_t.masked_fill(~unrelated, -1e9)], dim=1)
    bottom = negatives.logsumexp(1, keepdim=True)  # (B, 1)
    weight_a = torch.where((similarity >= 0.5) & ~own, similarity, torch.zeros_like(similarity))
    gain_a = to_a - torch.logaddexp(to_a, bottom)
    gain_t = (to_t - torch.logaddexp(to_t, bottom)).diagonal()
    total = (weight_a * gain_a).sum(1) + gain_t
    return -(total / (weight_a.sum(1) + 1)).mean()


def info_nce(image: Tensor, text: Tensor, log_scale: Tensor, same: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE of unit vectors (B, d); pairs marked in `same` (B, B) bool (equal texts) are no negatives."""
    logits = image @ text.T * log_scale.exp().clamp(max=100)
    target = torch.arange(len(logits), device=logits.device)
    if same is not None:
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(same & ~own, -1e9)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
