"""The stage of pairs: TempFAM and the progression head learn on cached pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.evaluation.temporal import Ints, classes, false_change, score_changes, score_presence
from cxrreport.model.config import DiffRGenNetConfig
from cxrreport.model.progression import Progression, TemporalNetwork, decide
from cxrreport.model.routing import gumbel_temperature
from cxrreport.model.together import join_norms, mine, total, whole
from cxrreport.training.averaging import WeightAverage, statistics
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.descent import Descent, mixed_precision, parameter_groups
from cxrreport.training.encoder_stage import shuffled
from cxrreport.training.pair_cache import PLACES, UNKNOWN, EncodedPairs
from cxrreport.training.stage import AveragingStage

_FLIPPED, _UNREGISTERED, _UNJUDGED = 0.3, 0.15, 0.15  # shares of the pairs of a step
_NOISE = 0.5  # of the logits: the classifier is surer of the images that it learnt from than of others
_MAP_WEIGHT, _DIRECTION_WEIGHT = 0.5, 1.0
_FOCUS = 2.0
_BATCH = 64
_PERCENTILE = 0.99
_FALSE_CHANGE = 0.01  # of identical pairs on validation; the goal on others is 0.02
_MARGINS = [0.25 * step for step in range(25)]
_TOLD = ("phantom", "inserted")  # places of whose pairs all five changes are known
SELECTING = (*_TOLD, "nih")  # places whose pairs choose the best epoch


class PairLosses(NamedTuple):
    """Scalars of a batch: of the joint states, the directions, the maps."""

    joint: Tensor
    direction: Tensor
    maps: Tensor

    @property
    def total(self) -> Tensor:
        """Their weighted sum."""
        return self.joint + _DIRECTION_WEIGHT * self.direction + _MAP_WEIGHT * self.maps


def pair_losses(said: Progression, pairs: EncodedPairs, direction_weight: Tensor) -> PairLosses:
    """Cross-entropy of joint states and of directions where they are known, focal loss of the maps (Lin et al., 2017)."""
    joint = F.cross_entropy(whole(said.joint).flatten(0, 1), whole(pairs.joint).flatten(), ignore_index=UNKNOWN)
    directions, truth = whole(said.direction), whole(pairs.direction)
    direction = directions.sum() * 0
    if (truth != UNKNOWN).any():
        direction = F.cross_entropy(directions.flatten(0, 1), truth.flatten(), direction_weight, ignore_index=UNKNOWN)
    return PairLosses(13 * joint, direction, _focal(said.maps, pairs.maps))


def _focal(maps: Tensor, truth: Tensor) -> Tensor:
    """Sum over the known cells, over the number of those that changed."""
    known, target = truth != UNKNOWN, (truth == 1).float()
    each = F.binary_cross_entropy_with_logits(maps, target, reduction="none")
    off = (target - maps.sigmoid()).abs()
    return total((off**_FOCUS * each * known).sum()) / total((target * known).sum()).clamp(min=1)


def flip(pairs: EncodedPairs, rows: Tensor) -> EncodedPairs:
    """Put the pairs of `rows` (n,) bool in the other order: the place of a change stays."""

    def swapped(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        where = rows.view(-1, *[1] * (one.ndim - 1))
        return torch.where(where, other, one), torch.where(where, one, other)

    current, prior = swapped(pairs.current, pairs.prior)
    now, before = swapped(pairs.now, pairs.before)
    films, _ = swapped(pairs.films, pairs.films.flip(1))
    moved = (pairs.joint == 1) | (pairs.joint == 2)
    joint = torch.where(rows[:, None] & moved, 3 - pairs.joint, pairs.joint)
    direction = torch.where(rows[:, None] & (pairs.direction != UNKNOWN), 2 - pairs.direction, pairs.direction)
    return replace(
        pairs, current=current, prior=prior, now=now, before=before, films=films, joint=joint, direction=direction
    )  # fmt: skip


class PairStage(AveragingStage):
    """Trains a temporal network on cached pairs and averages its weights."""

    losses = ("joint_loss", "direction_loss", "map_loss")

    def __init__(
        self, config: DiffRGenNetConfig, lr: float, steps: int, generator: torch.Generator, device: str = "cpu"
    ) -> None:  # fmt: skip
        self.network = TemporalNetwork(config).to(device)
        join_norms(self.network)
        self.generator, self.device = generator, torch.device(device)
        norms = statistics(self.network, nn.BatchNorm1d, nn.BatchNorm2d)
        self.average = WeightAverage([*self.network.parameters(), *norms])
        self.descent = Descent(parameter_groups(self.network.parameters(), lr), max(steps, 20), rise=0.15)

    def epoch(self, pairs: EncodedPairs, size: int, checkpoint: Checkpoint | None = None) -> dict[str, float]:
        """See `Stage`."""
        self.network.train()
        weight = direction_weights(pairs.direction).to(self.device)
        return self._epoch(
            lambda: shuffled(len(pairs), size, self.generator),
            lambda rows: self._step(pairs, rows, weight),
            checkpoint,
        )

    def _step(self, pairs: EncodedPairs, rows: list[int], direction_weight: Tensor) -> Tensor:
        self.network.fam.routing.temperature.fill_(gumbel_temperature(self.descent.done))

        def compute() -> tuple[Tensor, ...]:
            losses = self._losses(self._disturbed(pairs, rows), direction_weight)
            return losses.total, *losses

        return self._descend(compute)

    def _losses(self, pairs: EncodedPairs, direction_weight: Tensor) -> PairLosses:
        with mixed_precision(self.device):
            said = self.network(*on_device(pairs, self.device))[1]
        truth = {name: getattr(pairs, name).to(self.device) for name in ("joint", "direction", "maps")}
        return pair_losses(said, replace(pairs, **truth), direction_weight)

    def _disturbed(self, pairs: EncodedPairs, rows: list[int]) -> EncodedPairs:
        """This process's pairs of a step, some flipped, unregistered and unjudged, with noise on all judgements."""
        own = mine(len(rows))
        fate = torch.rand(3, len(rows), generator=self.generator)[:, own]
        noise = _NOISE * torch.randn(2, len(rows), *pairs.now.shape[1:], generator=self.generator)[:, own]
        pairs = flip(pairs.take(rows[own]), fate[0] < _FLIPPED)
        judged = (fate[2] >= _UNJUDGED)[:, None]
        return replace(
            pairs, registered=pairs.registered & (fate[1] >= _UNREGISTERED), now=(pairs.now + noise[0]) * judged,
            before=(pairs.before + noise[1]) * judged,
        )  # fmt: skip


def direction_weights(direction: Tensor) -> Tensor:
    """(3,) by the root of how rare each direction is; mean 1."""
    count = torch.bincount(direction[direction != UNKNOWN], minlength=3).float().clamp(min=1)
    weights = count.sum() / count
    return weights.sqrt() / weights.sqrt().mean()


def on_device(pairs: EncodedPairs, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A few cached pairs as arguments of the network."""
    return (
        pairs.current.float().to(device), pairs.prior.float().to(device), pairs.films.to(device),
        pairs.registered.to(device), pairs.now.to(device), pairs.before.to(device),
    )  # fmt: skip


@torch.inference_mode()
def read_all(network: TemporalNetwork, pairs: EncodedPairs) -> Progression:
    """What the network sees of cached pairs before anything is held back: in batches, evaluation mode and both orders."""
    network.eval()
    device = network.strictness.device
    parts = [network.read(*on_device(pairs.take(rows), device))[1] for rows in torch.arange(len(pairs)).split(_BATCH)]
    return Progression(*(torch.cat([getattr(p, name).cpu() for p in parts]) for name in ("joint", "direction", "maps")))


def said_classes(said: Progression) -> tuple[Ints, Ints]:
    """Joint states and changes (n, 13) that a progression decides for."""
    joint, direction = decide(said)
    return joint.numpy(), classes(joint.numpy(), direction.numpy())


def calibrate(network: TemporalNetwork, pairs: EncodedPairs) -> dict[str, float]:
    """Choose strictness, steadiness and limits of the maps on validation pairs, and score these.

    Strictness and steadiness are the least with which new or resolved, and worsened or improved, are said of at most 1 % of
    the identical pairs; where none reaches that, of as few as can be. Without identical pairs nothing is held back.
    """
    read = read_all(network, pairs)
    still = _from(pairs, "identical")
    if still.any():
        held = Progression(read.joint[still], read.direction[still], read.maps[still])
        network.strictness.fill_(
            _least(lambda strict: false_change(said_classes(held.calibrated(strict, 100.0))[1])[0])
        )
        strict = float(network.strictness)
        network.steadiness.fill_(_least(lambda steady: _false_course(held.calibrated(strict, steady))))
        highest = held.maps.sigmoid().flatten(2).amax(-1)  # (n, 13)
        network.map_limits.copy_(torch.quantile(highest, _PERCENTILE, dim=0))
    return score_pairs(network, pairs, read.calibrated(network.strictness.cpu(), network.steadiness.cpu()))


def _least(false: Callable[[float], float]) -> float:
    """The least margin that keeps the share of false changes within bounds, else the one with the smallest share."""
    shares = {margin: false(margin) for margin in _MARGINS}
    return next((m for m, share in shares.items() if share <= _FALSE_CHANGE), min(shares, key=lambda m: shares[m]))


def _false_course(said: Progression) -> float:
    """Share of pairs without any change of which something is said to be worse or better."""
    change = said_classes(said)[1]
    return float(((change == 1) | (change == 3)).any(1).mean())


def _from(pairs: EncodedPairs, place: str) -> npt.NDArray[np.bool_]:
    """(n,) which pairs come from a place."""
    found: npt.NDArray[np.bool_] = (pairs.place == PLACES.index(place)).numpy()
    return found


def score_pairs(network: TemporalNetwork, pairs: EncodedPairs, said: Progression) -> dict[str, float]:
    """Scores by place; `pair_selection` is the mean of the macro F1 of phantoms and of inserted lesions, and of the mean F1
    of new and resolved in real pairs, whose direction nobody has read.
    """
    joint, change = said_classes(said)
    truth = classes(pairs.joint.numpy(), pairs.direction.numpy())
    found = {"strictness": float(network.strictness), "steadiness": float(network.steadiness)}
    for place in _TOLD:
        rows = _from(pairs, place)
        scores = score_changes(truth[rows], change[rows])
        named = {f"{place}_macro_f1": scores.macro, f"{place}_both_f1": scores.both}
        found |= {name: value for name, value in named.items() if value is not None}
    if (rows := _from(pairs, "identical")).any():
        found["false_change"] = false_change(change[rows])[0]
    if presence := score_presence(pairs.joint.numpy()[rows := _from(pairs, "nih")], joint[rows]):
        found["nih_macro_f1"] = float(np.mean([*presence.values()]))
    macro = [found[f"{place}_macro_f1"] for place in SELECTING if f"{place}_macro_f1" in found]
    return {**found, "pair_selection": float(np.mean(macro)) if macro else 0.0}
