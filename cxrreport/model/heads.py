"""Report selection, classification and contrastive heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.findings import FINDINGS, NO_FINDING, PATHOLOGY
from cxrreport.model.config import BLANK, POSITIVE, STATES, UNCERTAIN, DiffRGenNetConfig
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.losses import Earlier, contrastive_loss


def select(query: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Weigh report tokens by their match with the image.

    query (B, d), tokens (B, N, d), mask (B, N) -> weights (B, N), rows sum to 1 (0 where no report), and their sum (B, d).
    """
    scores = (tokens @ query.unsqueeze(-1)).squeeze(-1).float() / query.shape[-1] ** 0.5  # (B, N)
    weights = scores.masked_fill(~mask, -1e9).softmax(-1) * mask
    return weights, (weights.to(tokens.dtype).unsqueeze(1) @ tokens).squeeze(1)


class ClassificationHead(nn.Module):
    """concat(v, s) -> state logits (B, 4, 14) in the order of `State` and `FINDINGS`."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.encoder_width + config.d_model, len(STATES) * len(FINDINGS))
        nn.init.normal_(self.linear.weight, std=0.001)
        nn.init.zeros_(self.linear.bias)

    def forward(self, pooled: Tensor, selected: Tensor) -> Tensor:
        """pooled (B, C), selected (B, d)."""
        logits: Tensor = self.linear(torch.cat([pooled, selected], dim=-1))
        return logits.view(-1, len(STATES), len(FINDINGS))


class EvidenceHead(nn.Module):
    """Says of each patch how much it speaks for each finding; learns it from what is said of whole studies, by log-sum-exp
    pooling (Pinheiro and Collobert, CVPR 2015): a few patches that are sure make a study positive.
    """

    SHARPNESS = 4.0  # 0 pools by the mean, infinity by the maximum

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.encoder_width, len(FINDINGS))

    def forward(self, features: ImageFeatures) -> Tensor:
        """Logits (B, 14) of studies, over the patches of all views."""
        scaled = self.SHARPNESS * self.linear(features.patches).float()  # (B, m, 14)
        there = features.patch_mask.unsqueeze(-1)
        pooled = scaled.masked_fill(~there, -torch.inf).logsumexp(1) - there.sum(1).log()
        found: Tensor = pooled / self.SHARPNESS
        return found


def decide_states(logits: Tensor, thresholds: list[float] | None) -> tuple[Tensor, Tensor]:
    """State index (B, 14) and p(positive) (B, 14) from logits (B, 4, 14), without any adjustment.

    With thresholds a finding is positive from p >= threshold on, else the likeliest of the other three states; its
    probability is then stretched so that the threshold lies at 0.5 and "positive" means 0.5 or more everywhere. "No
    finding" follows the others, as in the labels that it was learnt from: positive where none but devices is positive or
    uncertain, else blank; its own probability ranks studies within the two.
    """
    probabilities = logits.float().softmax(1)
    positive = probabilities[:, POSITIVE]
    if thresholds is None:
        states = probabilities.argmax(1)
    else:
        limit = torch.tensor(thresholds, device=logits.device).clamp(1e-6, 1 - 1e-6)
        others = probabilities.clone()
        others[:, POSITIVE] = -1
        states = torch.where(positive >= limit, POSITIVE, others.argmax(1))
        below, above = 0.5 * positive / limit, 0.5 + 0.5 * (positive - limit) / (1 - limit)
        positive = torch.where(positive >= limit, above, below)
    return follow_others(states, positive)


def follow_others(states: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """Let "no finding" follow the other findings. states (B, 14) indices, positive (B, 14) -> the same, changed copies."""
    pathology = states[:, PATHOLOGY]
    normal = ~((pathology == POSITIVE) | (pathology == UNCERTAIN)).any(1)
    states, positive = states.clone(), positive.clone()
    states[:, NO_FINDING] = torch.where(normal, POSITIVE, BLANK)
    positive[:, NO_FINDING] = 0.5 * positive[:, NO_FINDING] + 0.5 * normal
    return states, positive


class ContrastiveHeads(nn.Module):
    """L_SCL: anchor, difference negative and report on the unit sphere of its space, against the studies before."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d = config.d_model

        def projection(width: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(width, d), nn.ReLU(), nn.Linear(d, config.d_scl))

        self.anchor, self.negative, self.report = projection(d), projection(d), projection(config.d_retrieval)
        self.queue = ContrastiveQueue(config.d_scl)

    def forward(self, selected: Tensor, contrast: Tensor, target: Tensor, positives: Tensor) -> Tensor:
        """s (B, d), u (B, d), text embedding of the true report (B, d_retrieval), positives (B, 14) bool -> loss.

        In training the batch is also compared with the queue, and then joins it.
        """
        a, n, t = (
            F.normalize(project(x), dim=-1).float()
            for project, x in (
                (self.anchor, selected), (self.negative, contrast), (self.report, target.detach())
            )
        )  # fmt: skip
        if not self.training:
            return contrastive_loss(a, n, t, positives)
        loss = contrastive_loss(a, n, t, positives, self.queue.contents())
        self.queue.push(a, t, positives)
        return loss


class ContrastiveQueue(nn.Module):
    """First in, first out: anchors, reports and positives of the last `length` training studies.

    The buffers begin empty and are no part of the weights; a checkpoint that is to go on exactly must keep them itself.
    """

    anchors: Tensor
    reports: Tensor
    positives: Tensor

    def __init__(self, width: int, length: int = 256) -> None:
        super().__init__()
        self.length = length
        for name in ("anchors", "reports"):
            self.register_buffer(name, torch.zeros(0, width), persistent=False)
        self.register_buffer("positives", torch.zeros(0, len(FINDINGS), dtype=torch.bool), persistent=False)

    def contents(self) -> Earlier:
        """What is in the queue, newest first."""
        return Earlier(self.anchors, self.reports, self.positives)

    def push(self, anchors: Tensor, reports: Tensor, positives: Tensor) -> None:
        """Put a batch in, detached; the oldest studies fall out. No tensor that a graph may hold is written to."""
        self.anchors = torch.cat([anchors.detach(), self.anchors])[: self.length]
        self.reports = torch.cat([reports.detach(), self.reports])[: self.length]
        self.positives = torch.cat([positives, self.positives])[: self.length]
