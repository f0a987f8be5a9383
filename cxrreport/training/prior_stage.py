"""The stage of priors: the decoder learns to read them on pairs whose reports are known.

Everything that the pairs say is read from their cache: the network's memory of the current image, G and the prior's patches
of a temporal network that has learnt before, the true changes, and the reports that were written from the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from cxrreport.datasets.sample import state_indices
from cxrreport.errors import UsageError
from cxrreport.evaluation.temporal import classes
from cxrreport.model.config import PREFIX_LENGTH, VIEWS
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.losses import language_loss
from cxrreport.model.prior import UNKNOWN_CHANGE, Prior, PriorReader, sides_of
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.together import mine
from cxrreport.model.tokens import pad
from cxrreport.training.averaging import WeightAverage
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent, mixed_precision, parameter_groups
from cxrreport.training.encoder_stage import shuffled
from cxrreport.training.pair_cache import Bank, EncodedPairs
from cxrreport.training.pair_stage import on_device
from cxrreport.training.stage import AveragingStage

_SILENT, _ANOTHERS, _UNTOLD = 0.3, 0.15, 0.15  # shares of pairs without prior report, with another's, without changes
_BATCH = 32
_LEAST = 2


@dataclass(frozen=True, slots=True)
class ReadPairs:
    """n pairs as the decoder reads them: memory (n, M, d_dec) and memory_mask (n, M) of the current image, half precision;
    tokens (n, 2 m, d), prior report (n, T), changes and sides (n, 13) and days (n,) as in `prior.Prior`; ids: prefix with
    the states of the report, report, end.
    """

    memory: Tensor
    memory_mask: Tensor
    tokens: Tensor
    prior_report: Tensor
    changes: Tensor
    sides: Tensor
    days: Tensor
    ids: list[list[int]]

    def __len__(self) -> int:
        return len(self.ids)

    def prior(self, rows: list[int], device: torch.device) -> Prior:
        """What there is of some priors."""
        parts = (self.tokens[rows].float(), self.prior_report[rows], self.changes[rows], self.sides[rows],
                 self.days[rows])  # fmt: skip
        return Prior(*(x.to(device) for x in parts))


@torch.inference_mode()
def read_pairs(drafter: Drafter, temporal: TemporalNetwork, pairs: EncodedPairs, bank: Bank) -> ReadPairs:
    """Those pairs that have a report, read by the frozen networks; the bank is that of their cache.

    Raises
    ------
    UsageError : too few have.
    """
    written = pairs.take(pairs.report.any(1).nonzero().flatten())
    if len(written) < _LEAST:
        raise UsageError("There are too few pairs with reports to learn from: ask for more phantom_pairs.")
    parts = [_read(drafter, temporal, written.take(rows), bank) for rows in torch.arange(len(written)).split(_BATCH)]
    memory, mask, tokens = (torch.cat([part[i] for part in parts]) for i in range(3))
    known = classes(written.joint.numpy(), written.direction.numpy())
    changes = torch.from_numpy(np.where(known < 0, UNKNOWN_CHANGE, known))
    ids = [_ids(drafter, row) for row in written.report.long()]
    sides = sides_of(written.maps, changes)
    return ReadPairs(memory, mask, tokens, written.prior_report.long(), changes, sides, written.days, ids)


def _read(drafter: Drafter, temporal: TemporalNetwork, pairs: EncodedPairs, bank: Bank) -> tuple[Tensor, ...]:
    features = frontal_features(pairs.current.float()).to(drafter.device)
    reports = torch.from_numpy(bank.vectors)[pairs.retrieved].to(drafter.device)
    here = torch.ones(reports.shape[:2], dtype=torch.bool, device=drafter.device)
    relations = drafter.network.relate(features, reports, here)
    memory, mask = drafter.network.remember(features, relations)
    difference, _ = temporal.read(*on_device(pairs, drafter.device))
    tokens = torch.cat([difference.tokens, difference.aligned], dim=1)
    return memory.half().cpu(), mask.cpu(), tokens.half().cpu()


def frontal_features(patches: Tensor) -> ImageFeatures:
    """Features of studies whose frontal image alone is known."""
    blank = torch.zeros_like(patches).repeat(1, VIEWS - 1, 1)
    there = torch.ones(patches.shape[:2], dtype=torch.bool)
    mask = torch.cat([there, torch.zeros(blank.shape[:2], dtype=torch.bool)], dim=1)
    return ImageFeatures(torch.cat([patches, blank], dim=1), mask, patches.mean(1))


def _ids(drafter: Drafter, report: Tensor) -> list[int]:
    text = [i for i in report.tolist() if i]
    states = [drafter.tokenizer.states[i] for i in state_indices(drafter.tokenizer.decode(text))]
    return [drafter.tokenizer.begin, *states, *text, drafter.tokenizer.end]


class PriorStage(AveragingStage):
    """Trains a `PriorReader` for a decoder that stays as it is, and averages its weights."""

    losses = ("language_loss",)

    def __init__(self, drafter: Drafter, lr: float, steps: int, generator: torch.Generator) -> None:
        network = drafter.network
        self.decoder, self.device, self.generator = network.decoder, drafter.device, generator
        self.network = PriorReader(network.config, network.decoder).to(self.device)
        self.average = WeightAverage([*self.network.parameters()])
        self.descent = Descent(parameter_groups(self.network.parameters(), lr), max(steps, 20), rise=0.15)

    def epoch(self, pairs: ReadPairs, size: int, checkpoint: Checkpoint | None = None) -> dict[str, float]:
        """See `Stage`."""
        self.network.train()
        return self._epoch(
            lambda: shuffled(len(pairs), size, self.generator), lambda rows: self._step(pairs, rows), checkpoint
        )

    def _step(self, pairs: ReadPairs, rows: list[int]) -> Tensor:
        def compute() -> tuple[Tensor, ...]:
            prior, own = self._disturbed(pairs, rows), rows[mine(len(rows))]
            loss = self._loss(pairs, own, prior)
            return loss, loss

        return self._descend(compute)

    def _disturbed(self, pairs: ReadPairs, rows: list[int]) -> Prior:
        """This process's priors of a step: some without report, some with that of another pair, so that the images decide;
        some changes unknown.
        """
        own, device, reports = mine(len(rows)), self.device, pairs.prior_report
        prior = pairs.prior(rows[own], device)
        fate = torch.rand(2, len(rows), 1, generator=self.generator)[:, own].to(device)
        other = reports[torch.randint(len(reports), (len(rows),), generator=self.generator)[own]].to(device)
        report = torch.where(fate[0] < _SILENT + _ANOTHERS, other, prior.report) * (fate[0] >= _SILENT)
        untold = fate[1] < _UNTOLD
        changes, sides = prior.changes.masked_fill(untold, UNKNOWN_CHANGE), prior.sides.masked_fill(untold, 0)
        return prior._replace(report=report, changes=changes, sides=sides)

    def _loss(self, pairs: ReadPairs, rows: list[int], prior: Prior) -> Tensor:
        ids, mask = (x.to(self.device) for x in pad([pairs.ids[i] for i in rows]))
        with mixed_precision(self.device):
            tokens, there = self.network.remember(self.decoder, prior)
            memory = torch.cat([pairs.memory[rows].float().to(self.device), tokens], dim=1)
            known = torch.cat([pairs.memory_mask[rows].to(self.device), there], dim=1)
            read = (ids, mask, memory, known, self.network.context(prior))
            logits = functional_call(self.decoder, self.network.weights(self.decoder), read)
        labels = ids.masked_fill(ids == 0, -100)
        labels[:, :PREFIX_LENGTH] = -100
        return language_loss(logits, labels)

    @torch.inference_mode()
    def validate(self, pairs: ReadPairs) -> dict[str, float]:
        """Language loss a report, with all that is known of the prior, and with none of its report."""
        self.network.eval()
        found = {"val_language_loss": 0.0, "val_silent_loss": 0.0}
        for chunk in torch.arange(len(pairs)).split(_BATCH):
            rows = chunk.tolist()
            prior = pairs.prior(rows, self.device)
            silent = prior._replace(report=torch.zeros_like(prior.report))
            for name, one in zip(found, (prior, silent), strict=True):
                found[name] += float(self._loss(pairs, rows, one)) * len(rows) / len(pairs)
        return found
