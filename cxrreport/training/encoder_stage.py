"""First stage: the encoder learns findings, and nothing else, film by film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.datasets.augment import augment_each, draw_seeds
from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.sample import Sample
from cxrreport.model.encoder import ImageEncoder
from cxrreport.model.together import join_norms, mine
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent, mixed_precision, parameter_groups
from cxrreport.training.labelled import KindHeads, Labelled, Scored, mean_areas, stack_labels
from cxrreport.training.ranks import least_batch
from cxrreport.training.stage import Stage

_DROPOUT = 0.3
_MOMENTUM = 0.1  # of batch norms: Hugging Face's .997 keeps the last batch alone, which may be of two films

Film = tuple[Labelled, int]  # a sample, and which of its views is shown


def shuffled(count: int, size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Random batches of indices; a last one that is too small is dropped, see `least_batch`."""
    order = torch.randperm(count, generator=generator).tolist()
    for start in range(0, count, size):
        if len(chunk := order[start : start + size]) >= least_batch():
            yield chunk


def list_films(samples: Sequence[Labelled], laterals: bool) -> list[Film]:
    """Films of an epoch: each image of each sample; without laterals, a frontal one with a report twice.

    So a study with a report counts like two labelled images, of which there may be many more.
    """
    if laterals:
        return [(sample, int(view)) for sample in samples for view in np.flatnonzero(sample.present)]
    return [film for film in frontals(samples) for _ in range(1 + isinstance(film[0], Sample))]


def frontals(samples: Sequence[Labelled]) -> list[Film]:
    """The frontal films of samples, each once."""
    return [(sample, 0) for sample in samples if sample.present[0]]


class EncoderStage(Stage):
    """Trains the encoder and throw-away heads through one cycle of learning rates, on films of one size."""

    losses = ("findings_loss",)

    def __init__(
        self, encoder: ImageEncoder, heads: KindHeads, lr: float, steps: int, generator: torch.Generator, size: int = 0
    ) -> None:  # fmt: skip
        """size: pixels a side of the films, by default those of the encoder; steps: of the cycle."""
        self.encoder, self.heads, self.generator = encoder, heads, generator
        self.size = size or encoder.size
        self.device = next(encoder.parameters()).device
        encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster on a CPU
        join_norms(encoder)
        for norm in encoder.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = _MOMENTUM
        self.descent = Descent(parameter_groups([*encoder.parameters(), *heads.parameters()], lr), max(steps, 2))

    def epoch(self, films: Sequence[Film], size: int, checkpoint: Checkpoint | None = None) -> dict[str, float]:
        """See `Stage`."""
        self.encoder.train()
        return self._epoch(
            lambda: shuffled(len(films), size, self.generator),
            lambda rows: self._step([films[i] for i in rows]),
            checkpoint,
        )

    def _step(self, films: Sequence[Film]) -> Tensor:
        seeds, own = draw_seeds(len(films), self.generator), mine(len(films))
        return self._descend(lambda: self._losses(films[own], seeds[own]))

    def _losses(self, films: Sequence[Film], seeds: Tensor) -> tuple[Tensor, Tensor]:
        """What to go down and what to tell of some films, each varied by its seed."""
        labels = stack_labels([sample for sample, _ in films], self.device)
        pixels = augment_each(_stack(films)[:, None], self.size, seeds)[:, 0]
        # a CPU gains nothing by bf16 here: the recipe was chosen without
        with mixed_precision(self.device) if self.device.type == "cuda" else nullcontext():
            pooled = F.dropout(self._pool(pixels), _DROPOUT)
            loss = labels.loss(self.heads(pooled, labels.kind))
        return loss, loss

    def _pool(self, pixels: Tensor) -> Tensor:
        """Pooled features (n, C) of films (n, H, W), at the stage's size."""
        there = torch.ones(len(pixels), 1, dtype=torch.bool, device=self.device)
        pooled: Tensor = self.encoder(pixels[:, None].to(self.device), there, self.size).pooled
        return pooled

    def validate(self, studies: Sequence[Sample], size: int, images: Sequence[LabelledImage] = ()) -> dict[str, float]:
        """Mean AUC of the heads on frontal films, `size` at once: see `mean_areas`."""
        return mean_areas(*(self._score(frontals(one), size) for one in (studies, images) if one))

    @torch.no_grad()
    def _score(self, films: Sequence[Film], size: int) -> Scored:
        """The samples of films, and their logits."""
        self.encoder.eval()
        parts = []
        for start in range(0, len(films), size):
            some = films[start : start + size]
            kind = stack_labels([sample for sample, _ in some], self.device).kind
            parts.append(self.heads(self._pool(_stack(some)), kind).float().cpu())
        return [sample for sample, _ in films], torch.cat(parts)


def _stack(films: Sequence[Film]) -> Tensor:
    """Pixels (n, H, W) uint8."""
    return torch.from_numpy(np.stack([sample.pixels[view] for sample, view in films]))
