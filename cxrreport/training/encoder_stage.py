"""First stage: the encoder learns findings, and image and report meet in the retrieval space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.datasets.augment import augment
from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.sample import Sample
from cxrreport.evaluation.clinical import COMMON, mean_auc
from cxrreport.findings import FINDINGS
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.losses import info_nce
from cxrreport.model.tokens import ReportTokenizer, pad
from cxrreport.training.averaging import BestWeights, WeightAverage, statistics
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent, mixed_precision, parameter_groups
from cxrreport.training.stage import Stage

_SUMMARY_TOKENS = 64
_KINDS = 2  # samples without and with a report
_CONTRAST_WEIGHT, _EVIDENCE_WEIGHT = 0.3, 0.5
_LANGUAGE_RATE = 0.2  # of the image encoder's learning rate: the text tower starts nearer to its goal


@dataclass(frozen=True, slots=True)
class Batch:
    """B samples, T of them with a report.

    pixels (B, 2, H, W) uint8, present (B, 2), positive and known (B, 14) float; written (T,) rows with a report, the ids
    and mask (T, L) of their summaries, same (T, T) bool: equal summaries.
    """

    pixels: Tensor
    present: Tensor
    positive: Tensor
    known: Tensor
    written: Tensor
    ids: Tensor
    mask: Tensor
    same: Tensor

    @property
    def kind(self) -> Tensor:
        """(B,) 1 where there is a report, else 0."""
        return torch.zeros(len(self.pixels), dtype=torch.long).index_fill(0, self.written, 1)


def shuffled(count: int, size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Random batches of indices; a last batch of one is dropped (batch norm)."""
    order = torch.randperm(count, generator=generator).tolist()
    for start in range(0, count, size):
        if len(chunk := order[start : start + size]) > 1:
            yield chunk


def make_batch(samples: Sequence[Sample | LabelledImage], tokenizer: ReportTokenizer) -> Batch:
    """Stack samples; `same` marks equal summaries, which are no negatives of each other."""
    written = [i for i, s in enumerate(samples) if isinstance(s, Sample)]
    texts = [s.summary for s in samples if isinstance(s, Sample)]
    rows = [tokenizer.encode(text, _SUMMARY_TOKENS) or [tokenizer.unknown] for text in texts]
    ids, mask = pad(rows or [[tokenizer.unknown]])  # images alone have no text
    same = torch.tensor([[a == b for b in texts] for a in texts])
    return Batch(
        torch.from_numpy(np.stack([s.pixels for s in samples])),
        torch.from_numpy(np.stack([s.present for s in samples])),
        torch.from_numpy(np.stack([s.positive for s in samples])).float(),
        torch.from_numpy(np.stack([s.known for s in samples])).float(),
        torch.tensor(written, dtype=torch.long), ids, mask, same,
    )  # fmt: skip


class EncoderStage(Stage):
    """Trains encoder, both towers and throw-away findings heads, averages their weights and keeps the best average.

    Reports and labels without a report have a head each, and the places a shift: they tell of a finding by other rules,
    and how often it is there differs; in one head the encoder would learn to tell the collections apart.
    """

    losses = ("findings_loss", "evidence_loss", "contrast_loss")

    def __init__(
        self, network: DiffRGenNet, tokenizer: ReportTokenizer, lr: float, steps: int, generator: torch.Generator,
        size: int = 0,
    ) -> None:  # fmt: skip
        self.network, self.tokenizer, self.generator = network, tokenizer, generator
        self.device = next(network.parameters()).device
        self.size = size or network.config.image_size
        self.evidence = evidence = network.localise()
        self.head = nn.Linear(network.config.encoder_width, _KINDS * len(FINDINGS)).to(self.device)
        self.shift = nn.Embedding(_KINDS, len(FINDINGS), _weight=torch.zeros(_KINDS, len(FINDINGS))).to(self.device)
        network.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster on a CPU
        self.modules = nn.ModuleList([network.encoder, network.retrieval, evidence, self.head, self.shift])
        language = list(network.retrieval.text.parameters())
        known = {id(p) for p in language}
        others = (p for p in self.modules.parameters() if id(p) not in known)
        norms = statistics(self.modules, nn.BatchNorm1d, nn.BatchNorm2d)
        self.average = WeightAverage([*self.modules.parameters(), *norms])
        self.best = BestWeights(self.modules)
        groups = parameter_groups(others, lr) + parameter_groups(language, lr * _LANGUAGE_RATE)
        self.descent = Descent(groups, max(steps, 2))

    def epoch(
        self, samples: Sequence[Sample | LabelledImage], size: int, checkpoint: Checkpoint | None = None
    ) -> dict[str, float]:
        """See `Stage`."""
        self.modules.train()
        return self._epoch(
            lambda: shuffled(len(samples), size, self.generator),
            lambda rows: self._step([samples[i] for i in rows]),
            checkpoint,
        )

    def _step(self, samples: Sequence[Sample | LabelledImage]) -> Tensor:
        findings, evidence, contrast = self._losses(make_batch(samples, self.tokenizer))
        total = findings + _EVIDENCE_WEIGHT * evidence + _CONTRAST_WEIGHT * contrast
        return self._descend(total, (findings, evidence, contrast))

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        pixels = augment(batch.pixels.flatten(0, 1), self.size, self.generator).unflatten(0, batch.pixels.shape[:2])
        with mixed_precision(self.device):
            features = self.network.encoder(pixels.to(self.device), batch.present.to(self.device), self.size)
            logits = self._classify(F.dropout(features.pooled, 0.3, self.network.encoder.training), batch)
            places = self.evidence(features) + self.shift(batch.kind.to(self.device))
        findings, evidence = self._told(logits, batch), self._told(places, batch)
        return findings, evidence, self._contrast(features.pooled, batch)

    def _classify(self, pooled: Tensor, batch: Batch) -> Tensor:
        """Logits (B, 14) of pooled features (B, C), by the head of each sample's kind."""
        logits = self.head(pooled).unflatten(1, (_KINDS, -1))
        chosen: Tensor = logits[torch.arange(len(logits)), batch.kind.to(self.device)]
        return chosen

    def _told(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of logits (B, 14), over the findings that the labels tell of."""
        known = batch.known.to(self.device)
        loss = F.binary_cross_entropy_with_logits(
            logits.float(), batch.positive.to(self.device), known, reduction="sum"
        )
        return loss / known.sum().clamp(min=1)

    def _contrast(self, pooled: Tensor, batch: Batch) -> Tensor:
        """InfoNCE of the rows with a report; 0 where there are no two to tell apart."""
        if len(batch.written) < 2:
            return pooled.new_zeros((), dtype=torch.float32)
        retrieval = self.network.retrieval
        with mixed_precision(self.device):
            text = retrieval.embed_text(batch.ids.to(self.device), batch.mask.to(self.device))
            image = retrieval.embed_image(pooled[batch.written.to(self.device)])
        return info_nce(image.float(), text.float(), retrieval.log_scale, batch.same.to(self.device))

    def adopt_best(self) -> None:
        """Give the network the averaged weights of the best epoch, of the start where none was validated."""
        self.modules.load_state_dict(self.best.kept.state_dict())
        self.modules.eval()

    @torch.no_grad()
    def validate(self, samples: Sequence[Sample], size: int, films: Sequence[LabelledImage] = ()) -> dict[str, float]:
        """Mean AUC over the findings with positives and negatives, of the throw-away heads; keeps the weights if they are best.

        Of the averaged weights: `mean_auc` of the studies, `mean_auc_common` over the findings with eight positives or
        more, `mean_auc_films` of labelled images over such findings, where any are given. The best weights are those of
        the highest mean of the last two.
        """
        with self.average.applied():
            studies = _truth(samples), self._logits(samples, size)
            means = {"mean_auc": mean_auc(*studies), "mean_auc_common": mean_auc(*studies, COMMON)}
            if films:
                means["mean_auc_films"] = mean_auc(_truth(films), self._logits(films, size), COMMON)
            found = {name: mean for name, mean in means.items() if mean is not None}
            chosen = [found[name] for name in ("mean_auc_common", "mean_auc_films") if name in found]
            self.best.offer(self.modules, float(np.mean(chosen)) if chosen else found.get("mean_auc", 0.0))
        return found

    def _logits(self, samples: Sequence[Sample | LabelledImage], size: int) -> npt.NDArray[np.float32]:
        """Logits (n, 14) of encoder and head."""
        self.modules.eval()
        parts = []
        for start in range(0, len(samples), size):
            batch = make_batch(samples[start : start + size], self.tokenizer)
            pooled = self.network.encoder(batch.pixels.to(self.device), batch.present.to(self.device)).pooled
            parts.append(self._classify(pooled, batch).float().cpu())
        logits: npt.NDArray[np.float32] = torch.cat(parts).numpy()
        return logits


def _truth(samples: Sequence[Sample | LabelledImage]) -> npt.NDArray[np.float64]:
    """(n, 14): 1 positive, 0 not, nan where nothing tells."""
    return np.stack([np.where(s.known, s.positive, np.nan) for s in samples])
