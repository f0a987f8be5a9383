"""Stage of the network: FAMs, classifier and decoder learn on cached features of the encoder, which stays as it was left.

Labelled images without a report teach FAMs and classifier alone; beside the studies of a step as many are drawn as there
are of them for a study, at most `_FILMS`.

The papers train the encoder along; on a CPU that would take days. Because the encoder is frozen, its patches are computed
once for the plain image and once for each of a few augmented copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.datasets.encoded import Encoded
from cxrreport.datasets.encoded_films import EncodedFilms
from cxrreport.datasets.sample import Sample
from cxrreport.findings import FINDINGS
from cxrreport.model.config import POSITIVE, REPORT_TOKENS, STATES
from cxrreport.model.diffrgennet import LAMBDA, Losses
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.losses import presence_loss, updated_prior
from cxrreport.model.routing import gumbel_temperature
from cxrreport.model.together import join_norms, mine, whole
from cxrreport.model.tokens import pad
from cxrreport.model.weights import Weights
from cxrreport.training.averaging import WeightAverage, statistics
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent, mixed_precision, parameter_groups
from cxrreport.training.encoder_stage import shuffled
from cxrreport.training.ranks import least_batch
from cxrreport.training.stage import AveragingStage

_RAREST = 8  # no sample is drawn more often than this, as against the commonest
_NONE_SHOWN, _FEW_SHOWN = 0.1, 0.3  # shares of samples without, and with few retrieved reports
_FILMS = 4  # labelled images for a study of a step, at most: the memory of a step must not hang on a small archive
_UNTOLD = 0.3  # share of samples whose indication is held back


class NetworkStage(AveragingStage):
    """Trains everything but encoder and retrieval towers, and averages the weights.

    `shift` (1, 14), thrown away, is by how much likelier labels without a report call each finding: they tell of films that
    were made where more is found, and the network is to know how often it is there where reports are written.
    """

    losses = ("loss", "language_loss", "states_loss", "contrast_loss", "consistency_loss", "films_loss")

    def __init__(
        self, weights: Weights, lr: float, steps: int, generator: torch.Generator, balance: float = 0,
        films: EncodedFilms | None = None,
    ) -> None:  # fmt: skip
        self.films = films
        self.weights, self.network, self.tokenizer = weights, weights.network, weights.tokenizer
        self.generator, self.balance = generator, balance
        self.device = next(self.network.parameters()).device
        self.network.prepare_training(self.tokenizer)
        join_norms(self.network)
        kept = (self.network.encoder, self.network.retrieval, self.network.evidence)
        frozen = {id(p) for part in kept if part is not None for p in part.parameters()}
        self.trained = [p for p in self.network.parameters() if id(p) not in frozen]
        self.shift = nn.Embedding(1, len(FINDINGS), _weight=torch.zeros(1, len(FINDINGS))).to(self.device)
        self.average = WeightAverage([*self.trained, *statistics(self.network, nn.BatchNorm1d)])  # the encoder's are 2d
        groups = parameter_groups([*self.trained, *self.shift.parameters()], lr)
        self.descent = Descent(groups, max(steps, 20), rise=0.15, first=100, last=10)

    def epoch(
        self, samples: Sequence[Sample], encoded: Encoded, size: int, checkpoint: Checkpoint | None = None
    ) -> dict[str, float]:
        """See `Stage`."""
        self.network.train()
        self.network.encoder.eval()
        self.network.retrieval.eval()
        return self._epoch(
            lambda: self._rows(samples, size), lambda rows: self._step(samples, encoded, rows), checkpoint
        )

    def _step(self, samples: Sequence[Sample], encoded: Encoded, rows: list[int]) -> Tensor:
        self.network.heat(gumbel_temperature(self.descent.done))

        def compute() -> tuple[Tensor, ...]:
            found = self._losses(samples, encoded, rows)
            films = self._film_loss(self.films, len(samples), len(rows)) if self.films else torch.zeros(())
            total = found.total + LAMBDA * films
            return total, total, found.language, found.states, found.contrast, found.consistency, films

        return self._descend(compute)

    def _film_loss(self, films: EncodedFilms, studies: int, size: int) -> Tensor:
        """Loss of the states of random images, in the share of a step of `size` of so many studies."""
        count = max(least_batch(), min(_FILMS * size, round(len(films) * size / studies)))
        rows = torch.randint(len(films), (count,), generator=self.generator).tolist()
        features, reports, mask = self._shown(films, rows)
        with mixed_precision(self.device):
            relations = self.network.relate(features, reports, mask)
            logits = whole(self.network.classify(features, relations).float())
        positive, known = films.positive[rows].to(self.device), films.known[rows].to(self.device)
        shifted = logits + F.one_hot(torch.tensor(POSITIVE), len(STATES)).to(self.device)[:, None] * self.shift.weight
        return presence_loss(shifted, positive, known, self.network.label_prior)

    def _rows(self, samples: Sequence[Sample], size: int) -> Iterator[list[int]]:
        """Batches of one epoch: every sample once, or with `balance` drawn by how rare their findings are."""
        if not self.balance:
            yield from shuffled(len(samples), size, self.generator)
            return
        weights = rarity(np.stack([s.states for s in samples]) == POSITIVE, self.balance)
        drawn = torch.multinomial(weights, len(samples), replacement=True, generator=self.generator)
        yield from (chunk.tolist() for chunk in drawn.split(size) if len(chunk) >= least_batch())

    def _losses(self, samples: Sequence[Sample], encoded: Encoded, rows: list[int]) -> Losses:
        features, reports, mask = self._shown(encoded, rows)
        said = self._told(encoded.indications(rows))
        rows = rows[mine(len(rows))]
        states = torch.from_numpy(np.stack([samples[i].states for i in rows])).to(self.device)
        ids, _ = pad([self._ids(samples[i]) for i in rows])
        with mixed_precision(self.device):
            losses: Losses = self.network(
                features, reports, mask, states, ids.to(self.device), encoded.text[rows].to(self.device), said
            )
        return losses

    def _shown(self, encoded: Encoded | EncodedFilms, rows: list[int]) -> tuple[ImageFeatures, Tensor, Tensor]:
        """Features of random copies, vectors (B, N, d) of the retrieved reports, and which of these are shown (B, N).

        Drawn for all rows of a step, given for this process's.
        """
        copy = torch.randint(len(encoded.patches), (len(rows),), generator=self.generator)
        mask = self._thinned(len(rows), encoded.retrieved.shape[1])
        own = mine(len(rows))
        reports, mask = encoded.bank[encoded.retrieved[rows[own]]], mask[own]
        features = encoded.features(rows[own], copy[own])
        return features.to(self.device), reports.to(self.device), mask.to(self.device)

    def _thinned(self, batch: int, retrieved: int) -> Tensor:
        """Mask (B, N) of the reports shown: none for some samples, only the first few for others.

        A hospital begins with a small archive, an old study has few earlier reports, and `--without-retrieval` has
        none: a decoder that has never seen that loses itself.
        """
        fate = torch.rand(batch, generator=self.generator)
        few = torch.randint(1, retrieved + 1, (batch,), generator=self.generator)
        shown = torch.where(fate < _NONE_SHOWN, 0, torch.where(fate < _NONE_SHOWN + _FEW_SHOWN, few, retrieved))
        return torch.arange(retrieved) < shown[:, None]

    def _told(self, indication: Tensor | None) -> Tensor | None:
        """Those of this process's rows of indications (B, T), some held back: many a study comes without one."""
        if indication is None:
            return None
        told = torch.rand(len(indication), 1, generator=self.generator) >= _UNTOLD
        own = mine(len(told))
        return (indication[own] * told[own]).to(self.device)

    def _ids(self, sample: Sample) -> list[int]:
        """Prefix with the true states, report, end token."""
        text = self.tokenizer.encode(sample.target, REPORT_TOKENS)
        prefix = [self.tokenizer.begin, *(self.tokenizer.states[i] for i in sample.states)]
        return [*prefix, *text, self.tokenizer.end]

    def update_prior(self, positive: npt.NDArray[np.float32], states: npt.NDArray[np.int64]) -> None:
        """Self-adaptive pi from the validation probabilities."""
        prior = updated_prior(self.network.label_prior.cpu(), torch.from_numpy(positive), torch.from_numpy(states))
        self.network.label_prior.copy_(prior)


def rarity(positive: npt.NDArray[np.bool_], power: float) -> Tensor:
    """Weight of each sample (n,): share of its rarest positive finding ** -power, at most 8 times the least.

    positive (n, 14); a sample without any positive finding weighs as one of the commonest.
    """
    share = positive.mean(0).clip(1 / len(positive))
    rarest = np.where(positive, share, share.max()).min(1)
    weights = (rarest / share.max()) ** -power
    return torch.from_numpy(weights.clip(max=_RAREST))


def start_prior(samples: Sequence[Sample]) -> Tensor:
    """pi before the first epoch: positive frequency over its maximum, within [0.01, 1]."""
    frequency = torch.from_numpy(np.stack([s.states == POSITIVE for s in samples])).float().mean(0)
    return (frequency / frequency.max().clamp(min=1e-6)).clamp(0.01, 1)
