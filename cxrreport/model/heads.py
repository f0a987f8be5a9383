"""Report selection, classification and contrastive heads (model.md §1.7, §1.8, §1.10)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.findings import FINDINGS
from cxrreport.model.config import BLANK, POSITIVE, STATES, UNCERTAIN, DiffRGenNetConfig
from cxrreport.model.losses import Earlier

NO_FINDING = FINDINGS.index("no finding")
PATHOLOGY = [index for index, finding in enumerate(FINDINGS) if finding not in ("no finding", "support devices")]


def select(query: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Weigh report tokens by their match with the image (§1.7).

    query (B, d), tokens (B, N, d), mask (B, N) -> weights (B, N), rows sum to 1 (0 where no report), and their sum (B, d).
    """
    scores = (tokens @ query.unsqueeze(-1)).squeeze(-1).float() / query.shape[-1] ** 0.5  # (B, N)
    weights = scores.masked_fill(~mask, -1e9).softmax(-1) * mask
    return weights, (weights.to(tokens.dtype).unsqueeze(1) @ tokens).squeeze(1)


class ClassificationHead(nn.Module):
    """concat(v, s) -> state logits (B, 4, 14) in the order of `State` and `FINDINGS`.

    Without `reports_in_classifier` it reads v alone.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.reads_reports = config.reports_in_classifier
        width = config.encoder_width + (config.d_model if self.reads_reports else 0)
        self.linear = nn.Linear(width, len(STATES) * len(FINDINGS))
        nn.init.normal_(self.linear.weight, std=0.001)
        nn.init.zeros_(self.linear.bias)

    def forward(self, pooled: Tensor, selected: Tensor) -> Tensor:
        """pooled (B, C), selected (B, d)."""
        logits: Tensor = self.linear(torch.cat([pooled, selected], dim=-1) if self.reads_reports else pooled)
        return logits.view(-1, len(STATES), len(FINDINGS))


def decide_states(logits: Tensor, thresholds: list[float] | None) -> tuple[Tensor, Tensor]:
    """State index (B, 14) and p(positive) (B, 14) from logits (B, 4, 14), without any adjustment (§1.8).

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
    """Projections of anchor, difference negative and report onto the unit sphere of the SCL space (§1.10)."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d = config.d_model

        def projection(width: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(width, d), nn.ReLU(), nn.Linear(d, config.d_scl))

        self.anchor, self.negative, self.report = projection(d), projection(d), projection(config.d_retrieval)

    def forward(self, selected: Tensor, difference: Tensor, report: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """s (B, d), u (B, d), report embedding (B, d_retrieval) -> a, n, t, each (B, d_scl) of unit length."""
        return (
            F.normalize(self.anchor(selected), dim=-1),
            F.normalize(self.negative(difference), dim=-1),
            F.normalize(self.report(report.detach()), dim=-1),
        )


class ContrastiveQueue(nn.Module):
    """First in, first out: anchors, reports and positives of the last `length` training studies (§1.10).

    The buffers begin empty and are no part of the weights; a checkpoint that is to go on exactly must keep them itself.
    """

    anchors: Tensor
    reports: Tensor
    positives: Tensor

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.length = config.scl_queue
        for name in ("anchors", "reports"):
            self.register_buffer(name, torch.zeros(0, config.d_scl), persistent=False)
        self.register_buffer("positives", torch.zeros(0, len(FINDINGS), dtype=torch.bool), persistent=False)

    def contents(self) -> Earlier:
        """What is in the queue, newest first."""
        return Earlier(self.anchors, self.reports, self.positives)

    def push(self, anchors: Tensor, reports: Tensor, positives: Tensor) -> None:
        """Put a batch in, detached; the oldest studies fall out. No tensor that a graph may hold is written to."""
        self.anchors = torch.cat([anchors.detach(), self.anchors])[: self.length]
        self.reports = torch.cat([reports.detach(), self.reports])[: self.length]
        self.positives = torch.cat([positives, self.positives])[: self.length]
