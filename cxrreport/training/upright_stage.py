"""`cxrreport train`, the stage of how a frontal image lies: a small network beside the others, of images alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cxrreport.datasets.nih import IMAGE_READERS, LabelledImage
from cxrreport.model.together import join_norms, mine, whole
from cxrreport.model.upright import LIES, UprightNetwork
from cxrreport.model.weights import Weights, load_weights, save_weights
from cxrreport.training.averaging import WeightAverage, statistics
from cxrreport.training.card import part_card
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent, parameter_groups
from cxrreport.training.encoder_stage import shuffled
from cxrreport.training.options import TrainOptions
from cxrreport.training.pair_training import Sources
from cxrreport.training.ranks import leads
from cxrreport.training.stage import AveragingStage, own_numbers
from cxrreport.training.upright_images import both_ways, draw, other_images, turn

CHECKPOINT = "upright.safetensors"
_OTHERS = 0.15  # beside each frontal image, so many that are none
_LATERAL = 0.7  # of these
_VALIDATION = 10  # one patient in so many of those that labelled images come from
_LEGS = 400  # and noise, and pages of text
_LR = 3e-3


class Films(NamedTuple):
    """Images (n, 2, 96, 96) uint8, as they are and as negatives."""

    frontal: Tensor
    lateral: Tensor
    others: Tensor


def read_films(options: TrainOptions, sources: Sources) -> tuple[Films, Films]:
    """Those of training and of validation: of the samples, and of labelled images that come without reports."""
    labelled = list(_labelled(options))
    parts = []
    for samples, validates in ((sources.train, False), (sources.val, True)):
        more = (one.pixels[0] for one in labelled if _validates(one.patient) == validates)
        frontal = [s.pixels[0] for s in samples if s.present[0]] + list(more)
        lateral = [s.pixels[1] for s in samples if s.present[1]]
        others = other_images(_LEGS, np.random.default_rng([options.recipe.seed, validates]))
        parts.append(Films(*map(both_ways, (frontal, lateral, others))))
    return parts[0], parts[1]


def _labelled(options: TrainOptions) -> Iterator[LabelledImage]:
    if options.films is not None and options.films_directory is not None:
        yield from islice(IMAGE_READERS[options.films](options.films_directory, "train"), options.limit)


def _validates(patient: str) -> bool:
    return int(hashlib.sha256(patient.encode()).hexdigest()[8:16], 16) % _VALIDATION == 0


class UprightStage(AveragingStage):
    """Trains an `UprightNetwork`, and averages its weights."""

    losses = ("lie_loss", "cropped_loss")

    def __init__(self, films: Films, batch: int, steps: int, generator: torch.Generator) -> None:
        self.films, self.batch, self.generator = films, batch, generator
        self.network = UprightNetwork()
        join_norms(self.network)
        norms = statistics(self.network, torch.nn.BatchNorm2d)
        self.average = WeightAverage([*self.network.parameters(), *norms])
        self.descent = Descent(parameter_groups(self.network.parameters(), _LR), max(steps, 20))
        self._rest = torch.cat([films.lateral, films.others])
        shares = ((films.lateral, _LATERAL), (films.others, 1 - _LATERAL))
        self._chances = torch.cat([torch.full((len(part),), share / max(len(part), 1)) for part, share in shares])

    def epoch(self, checkpoint: Checkpoint | None = None) -> dict[str, float]:
        """See `Stage`."""
        self.network.train()
        return self._epoch(
            lambda: shuffled(len(self.films.frontal), self.batch, self.generator), self._step, checkpoint
        )

    def _step(self, rows: list[int]) -> Tensor:
        images, lies, cropped = draw(self.films.frontal[rows], self.generator)
        count = max(1, round(_OTHERS * len(rows)))
        few = torch.multinomial(self._chances, count, replacement=True, generator=self.generator)
        odd, _, _ = draw(self._rest[few], self.generator)

        def compute() -> tuple[Tensor, ...]:
            own = images[mine(len(images))]
            logits = self.network(torch.cat([own, odd[mine(count)]]))
            chests, others = whole(logits[: len(own)]), whole(logits[len(own) :])
            said = torch.cat([chests, others])[:, :-1]
            lie = F.cross_entropy(said, torch.cat([lies, torch.full((count,), LIES)]))
            cut = F.binary_cross_entropy_with_logits(chests[:, -1], cropped.float())
            return lie + 0.5 * cut, lie, cut

        return self._descend(compute)


@torch.inference_mode()
def recognised(network: UprightNetwork, films: Films) -> dict[str, float]:
    """Shares of frontal images whose likeliest way to lie is the true one, by what was done to them; mirroring apart.

    `touched` counts upright images that would be taken for others, `laterals_touched` laterals for frontal ones.
    """
    network.eval()
    ways = {"inverted": 8, "upside_down": 2, "turned_left": 1, "turned_right": 3}
    found = {name: float((_guess(network, films.frontal, way) == way).float().mean()) for name, way in ways.items()}
    found["touched"] = float((_guess(network, films.frontal, 0) != 0).float().mean())
    found["laterals_touched"] = float((_guess(network, films.lateral, 0) != LIES).float().mean())
    return {name: round(value, 4) for name, value in found.items()}


def _guess(network: UprightNetwork, films: Tensor, way: int) -> Tensor:
    """Likeliest ways (n,) of images laid in one; that an image is mirrored counts for nothing."""
    laid = turn(films[:, way // 8], torch.full((len(films),), way % 8))
    guesses = torch.cat([network(part)[:, :-1].argmax(-1) for part in laid.split(512)])
    return torch.where(guesses < LIES, guesses & ~4, guesses)


def train_upright(best: Path, options: TrainOptions, sources: Sources, log: Callable[[dict[str, Any]], None]) -> None:
    """Train what tells how images lie, and put it beside the other weights in `best`; on the CPU, for it is small."""
    weights, r = load_weights(best), options.recipe
    train, val = read_films(options, sources)
    log({"stage": "lies", "train": len(train.frontal), "val": len(val.frontal)})
    steps = r.upright_epochs * (len(train.frontal) // r.batch + 1)
    stage = UprightStage(train, r.batch, steps, own_numbers(r.seed, 7))
    modules = {"network": stage.network, "average": stage.average}
    checkpoint = Checkpoint(options.out / CHECKPOINT, modules, stage.descent, stage.generator, r.checkpoint_minutes)
    for epoch in checkpoint.remaining(r.upright_epochs):
        losses = stage.epoch(checkpoint)
        if not leads():
            continue
        with stage.average.applied():
            scores = recognised(stage.network, val)
            log({"stage": "upright", "epoch": epoch, **losses, **scores})
            if epoch == r.upright_epochs:  # before the checkpoint says so
                _save(best, weights, stage.network, options, (len(train.frontal), len(train.lateral)), scores)


def _save(
    best: Path,
    w: Weights,
    network: UprightNetwork,
    options: TrainOptions,
    count: tuple[int, int],
    scores: dict[str, float],
) -> None:
    """Put the network beside the other weights, with a card of its own in theirs."""
    card = {name: value for name, value in w.manifest.items() if name != "files"}
    films = f", of {options.dataset}, phantoms and {options.films}" if options.films else f", of {options.dataset}"
    card["upright"] = part_card(options, f"{count[0]} frontal and {count[1]} lateral films{films}", scores)
    save_weights(best, w.network, w.views, w.tokenizer, card, w.hyperbolic, w.temporal, w.prior, network)
