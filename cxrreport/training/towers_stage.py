"""Stage of the towers: on an encoder that stays, image and report meet in the retrieval space, and findings get a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cxrreport.datasets.augment import augment_each, draw_seeds
from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.sample import Sample
from cxrreport.findings import FINDINGS
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.losses import info_nce
from cxrreport.model.together import mine, whole
from cxrreport.model.tokens import ReportTokenizer, pad
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent, mixed_precision, parameter_groups
from cxrreport.training.encoder_stage import shuffled
from cxrreport.training.labelled import KINDS, Labelled, Labels, Scored, mean_areas, stack_labels
from cxrreport.training.stage import Stage

_SUMMARY_TOKENS = 64
_LANGUAGE_RATE = 0.2  # of the other parts' learning rate: the text tower starts nearer to its goal


@dataclass(frozen=True, slots=True)
class Written:
    """The T samples of a batch with a report: their rows (T,), ids and mask (T, L) of their summaries. Where there is none,
    ids and mask are of one that is nobody's.
    """

    rows: Tensor
    ids: Tensor
    mask: Tensor


def read_written(samples: Sequence[Labelled], tokenizer: ReportTokenizer) -> Written:
    """What the reports among samples say."""
    texts = {row: s.summary for row, s in enumerate(samples) if isinstance(s, Sample)}
    nothing = [tokenizer.unknown]
    ids, mask = pad([tokenizer.encode(text, _SUMMARY_TOKENS) or nothing for text in texts.values()] or [nothing])
    return Written(torch.tensor([*texts], dtype=torch.long), ids, mask)


def same_texts(samples: Sequence[Labelled]) -> Tensor:
    """(T, T) bool: equal summaries of the samples with a report, which are no negatives of each other."""
    texts = [s.summary for s in samples if isinstance(s, Sample)]
    return torch.tensor([[a == b for b in texts] for a in texts])


class TowersStage(Stage):
    """Trains both towers of the retrieval space and the head of evidence on features of the encoder, which stays.

    `shift`, thrown away, is by how much oftener each kind of sample calls a finding: see `KindHeads`.
    """

    losses = ("evidence_loss", "contrast_loss")

    def __init__(
        self, network: DiffRGenNet, tokenizer: ReportTokenizer, lr: float, steps: int, generator: torch.Generator
    ) -> None:
        self.network, self.tokenizer, self.generator = network, tokenizer, generator
        self.device = next(network.parameters()).device
        self.evidence = evidence = network.localise()
        self.shift = nn.Embedding(KINDS, len(FINDINGS), _weight=torch.zeros(KINDS, len(FINDINGS))).to(self.device)
        network.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster on a CPU
        self.modules = nn.ModuleList([network.retrieval, evidence, self.shift])
        language = list(network.retrieval.text.parameters())
        known = {id(p) for p in language}
        others = (p for p in self.modules.parameters() if id(p) not in known)
        groups = parameter_groups(others, lr) + parameter_groups(language, lr * _LANGUAGE_RATE)
        self.descent = Descent(groups, max(steps, 2))

    def epoch(self, samples: Sequence[Labelled], size: int, checkpoint: Checkpoint | None = None) -> dict[str, float]:
        """See `Stage`."""
        self.network.encoder.eval()
        self.modules.train()
        return self._epoch(
            lambda: shuffled(len(samples), size, self.generator),
            lambda rows: self._step([samples[i] for i in rows]),
            checkpoint,
        )

    def _step(self, samples: Sequence[Labelled]) -> Tensor:
        seeds, same, own = draw_seeds(len(samples), self.generator), same_texts(samples), mine(len(samples))

        def compute() -> tuple[Tensor, ...]:
            evidence, contrast = self._losses(samples[own], seeds[own], same)
            return evidence + contrast, evidence, contrast

        return self._descend(compute)

    def _losses(self, samples: Sequence[Labelled], seeds: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
        """Evidence and contrast of samples, each varied by its seed, `same` being the texts of the whole batch."""
        labels, pixels = stack_labels(samples, self.device), _pixels(samples)
        features = self._look(samples, augment_each(pixels, self.network.encoder.size, seeds))
        evidence = labels.loss(self._place(features, labels))
        return evidence, self._contrast(features.pooled, read_written(samples, self.tokenizer), same)

    @torch.no_grad()
    def _look(self, samples: Sequence[Labelled], pixels: Tensor) -> ImageFeatures:
        """The encoder's features of the views that are present."""
        present = torch.from_numpy(np.stack([s.present for s in samples]))
        with mixed_precision(self.device):
            features: ImageFeatures = self.network.encoder(pixels.to(self.device), present.to(self.device))
        return features

    def _place(self, features: ImageFeatures, labels: Labels) -> Tensor:
        """Logits (B, 14) of where findings are seen, shifted by kind."""
        with mixed_precision(self.device):
            places: Tensor = self.evidence(features) + self.shift(labels.kind)
        return places

    def _contrast(self, pooled: Tensor, written: Written, same: Tensor) -> Tensor:
        """InfoNCE of the rows with a report; 0 where there are no two to tell apart.

        A process without one embeds a row in vain, for all must go back through the same parts.
        """
        if len(same) < 2:
            return pooled.new_zeros((), dtype=torch.float32)
        retrieval, count = self.network.retrieval, len(written.rows)
        rows = written.rows if count else torch.zeros(1, dtype=torch.long)
        with mixed_precision(self.device):
            text = retrieval.embed_text(written.ids.to(self.device), written.mask.to(self.device))
            image = retrieval.embed_image(pooled[rows.to(self.device)])
        image, text = (whole(vectors[:count].float()) for vectors in (image, text))
        return info_nce(image, text, retrieval.log_scale, same.to(self.device))

    def validate(self, studies: Sequence[Sample], size: int, images: Sequence[LabelledImage] = ()) -> dict[str, float]:
        """Mean AUC of the head of evidence, `size` samples at once: see `mean_areas`."""
        return mean_areas(*(self._score(one, size) for one in (studies, images) if one))

    @torch.no_grad()
    def _score(self, samples: Sequence[Labelled], size: int) -> Scored:
        """Samples, and their logits by the head of evidence."""
        self.network.encoder.eval()
        parts = []
        for start in range(0, len(samples), size):
            some = samples[start : start + size]
            features = self._look(some, _pixels(some))
            parts.append(self._place(features, stack_labels(some, self.device)).float().cpu())
        return samples, torch.cat(parts)


def _pixels(samples: Sequence[Labelled]) -> Tensor:
    """(B, 2, H, W) uint8."""
    return torch.from_numpy(np.stack([s.pixels for s in samples]))
