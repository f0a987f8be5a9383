"""First stage: the encoder learns findings, and image and report meet in the retrieval space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.evaluation.clinical import auc
from cxrreport.model.config import POSITIVE
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.drafter import pad
from cxrreport.model.losses import info_nce
from cxrreport.model.tokens import ReportTokenizer
from cxrreport.records import FINDINGS
from cxrreport.training.augment import augment
from cxrreport.training.dataset import Sample
from cxrreport.training.optimizer import parameter_groups

_SUMMARY_TOKENS = 64
_CONTRAST_WEIGHT = 0.3
_LANGUAGE_RATE = 0.2  # of the image encoder's learning rate: the text tower starts nearer to its goal


@dataclass(frozen=True, slots=True)
class Batch:
    """films (B, 2, H, W) uint8, present (B, 2), summary ids and mask (B, T), positive (B, 14) float."""

    films: Tensor
    present: Tensor
    ids: Tensor
    mask: Tensor
    positive: Tensor
    same: Tensor


def shuffled(count: int, size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Random batches of indices; a last batch of one is dropped (batch norm)."""
    order = torch.randperm(count, generator=generator).tolist()
    for start in range(0, count, size):
        if len(chunk := order[start : start + size]) > 1:
            yield chunk


def make_batch(samples: Sequence[Sample], tokenizer: ReportTokenizer) -> Batch:
    """Stack samples; `same` (B, B) marks equal summaries, which are no negatives of each other."""
    rows = [tokenizer.encode(s.summary, _SUMMARY_TOKENS) or [tokenizer.unknown] for s in samples]
    ids, mask = pad(rows)
    positive = torch.from_numpy(np.stack([s.states == POSITIVE for s in samples])).float()
    same = torch.tensor([[a.summary == b.summary for b in samples] for a in samples])
    films = torch.from_numpy(np.stack([s.films for s in samples]))
    return Batch(films, torch.from_numpy(np.stack([s.present for s in samples])), ids, mask, positive, same)


class EncoderStage:
    """Trains encoder, both towers and a throw-away findings head; bf16 autocast on CPU and GPU."""

    def __init__(
        self, network: DiffRGenNet, tokenizer: ReportTokenizer, lr: float, steps: int, generator: torch.Generator
    ) -> None:
        self.network, self.tokenizer, self.generator = network, tokenizer, generator
        self.device = next(network.parameters()).device
        self.head = nn.Linear(network.config.encoder_width, len(FINDINGS)).to(self.device)
        self.modules = nn.ModuleList([network.encoder, network.retrieval, self.head])
        language = list(network.retrieval.text.parameters())
        known = {id(p) for p in language}
        others = (p for p in self.modules.parameters() if id(p) not in known)
        groups = parameter_groups(others, lr) + parameter_groups(language, lr * _LANGUAGE_RATE)
        rates = [group["lr"] for group in groups]
        self.optimizer = torch.optim.AdamW(groups, lr=lr)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, rates, total_steps=max(steps, 2))

    def epoch(self, samples: Sequence[Sample], size: int) -> dict[str, float]:
        """One pass; returns the mean losses."""
        self.modules.train()
        sums = torch.zeros(2)
        count = 0
        for rows in shuffled(len(samples), size, self.generator):
            findings, contrast = self._losses(make_batch([samples[i] for i in rows], self.tokenizer))
            self.optimizer.zero_grad(set_to_none=True)
            (findings + _CONTRAST_WEIGHT * contrast).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.modules.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            sums += torch.stack([findings.detach(), contrast.detach()]).cpu()
            count += 1
        return {"findings_loss": float(sums[0] / count), "contrast_loss": float(sums[1] / count)}

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        network, size = self.network, self.network.config.image_size
        films = augment(batch.films.flatten(0, 1), size, self.generator).unflatten(0, batch.films.shape[:2])
        with torch.autocast(self.device.type, torch.bfloat16):
            features = network.encoder(films.to(self.device), batch.present.to(self.device))
            text = network.retrieval.embed_text(batch.ids.to(self.device), batch.mask.to(self.device))
            image = network.retrieval.embed_image(features.pooled)
            logits = self.head(F.dropout(features.pooled, 0.3, self.network.encoder.training))
        findings = F.binary_cross_entropy_with_logits(logits.float(), batch.positive.to(self.device))
        scale = network.retrieval.log_scale
        return findings, info_nce(image.float(), text.float(), scale, batch.same.to(self.device))

    @torch.inference_mode()
    def validate(self, samples: Sequence[Sample], size: int) -> dict[str, float]:
        """Mean AUC over the findings with positives and negatives, of the throw-away head."""
        self.modules.eval()
        scores, truth = [], []
        for start in range(0, len(samples), size):
            batch = make_batch(samples[start : start + size], self.tokenizer)
            features = self.network.encoder(batch.films.to(self.device), batch.present.to(self.device))
            scores.append(self.head(features.pooled).float().cpu())
            truth.append(batch.positive)
        s, t = torch.cat(scores).numpy(), torch.cat(truth).numpy().astype(bool)
        both = [i for i in range(len(FINDINGS)) if t[:, i].any() and not t[:, i].all()]
        return {"mean_auc": float(np.mean([auc(t[:, i].tolist(), s[:, i].tolist()) for i in both]))} if both else {}
