"""From images and findings of a study and its prior to what changed: TempFAM behind arrays and plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxrreport.errors import WeightsError
from cxrreport.findings import Change, State
from cxrreport.model.config import PATCHES, STATES
from cxrreport.model.drafter import Floats, StudyStates
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.heads import follow_others
from cxrreport.model.progression import CHANGES, DIRECTIONS, FOLLOWED, PRESENCE, Progression, decide
from cxrreport.model.weights import Weights

_LARGEST_LOGIT = 6.0
_NOW, _BEFORE = (Change.NEW, Change.UNCHANGED), (Change.RESOLVED, Change.UNCHANGED)  # presences, not directions
_SURE = 0.5  # a probability of a positive finding is at least this, of another one less


@dataclass(frozen=True, slots=True)
class PairReading:
    """A study and its prior, read together.

    now, before: the findings of both, consistent with the changes. changes, probabilities: of the 13 findings that have a
    direction, None where either image leaves the finding uncertain. maps (13, 2g, 2g): probability that the finding changed
    there, over the current image; 0 where no higher than without any change. tokens (2 m, d): G and the prior's patches,
    for `prior.Prior`.
    """

    now: StudyStates
    before: StudyStates
    changes: tuple[Change | None, ...]
    probabilities: tuple[float | None, ...]
    maps: Floats
    tokens: Tensor


def to_logits(probabilities: Tensor) -> Tensor:
    """Log odds, within +-6: a network that is surer than that is no surer."""
    return probabilities.logit(1e-6).clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT)


class Comparer:
    """Compares studies with their priors.

    Raises
    ------
    WeightsError : the weights have never learnt to.
    """

    def __init__(self, weights: Weights) -> None:
        if weights.temporal is None:
            raise WeightsError("The weights compare no pairs.", "weights.temporal")
        self.network = weights.temporal

    @torch.inference_mode()
    def compare(
        self, current: ImageFeatures, prior: ImageFeatures, pixels: Sequence[npt.NDArray[np.uint8]],
        registered: Sequence[bool], now: Sequence[StudyStates], before: Sequence[StudyStates],
    ) -> list[PairReading]:  # fmt: skip
        """Read B pairs. pixels: (2, 256, 256) of each, the current frontal image and the registered prior one."""
        device = self.network.strictness.device
        logits = [
            to_logits(torch.tensor([s.probabilities[: len(FOLLOWED)] for s in x])).to(device) for x in (now, before)
        ]
        difference, read = self.network.read(
            current.patches[:, : PATCHES], prior.patches[:, : PATCHES],
            torch.from_numpy(np.stack(pixels)).to(device), torch.tensor(registered, device=device), *logits,
        )  # fmt: skip
        progression = read.calibrated(self.network.strictness, self.network.steadiness)
        maps = progression.places(self.network.map_limits).cpu().numpy()
        finite = progression.joint.isfinite().flatten(1).all(1) & progression.direction.isfinite().flatten(1).all(1)
        presence, direction = decide(progression)
        tokens = torch.cat([difference.tokens, difference.aligned], dim=1)
        rows = zip(
            presence.tolist(), direction.tolist(), _marginals(progression).tolist(), progression.probabilities().tolist(),
            now, before, maps, finite.tolist(), tokens, strict=True,
        )  # fmt: skip
        return [_reading(*row) for row in rows]


def _marginals(progression: Progression) -> Tensor:
    """p(positive) of both images (B, 13, 2)."""
    share = progression.joint.softmax(-1)
    return torch.stack([share[..., [PRESENCE.index(p) for p in there]].sum(-1) for there in (_NOW, _BEFORE)], dim=-1)


def _reading(
    presence: list[int], direction: list[int], marginals: list[list[float]], shares: list[list[float]], now: StudyStates,
    before: StudyStates, maps: Floats, finite: bool, tokens: Tensor,
) -> PairReading:  # fmt: skip
    there = [PRESENCE[index] for index in presence]
    current = _moved(now, [p in _NOW for p in there], [m[0] for m in marginals], finite)
    earlier = _moved(before, [p in _BEFORE for p in there], [m[1] for m in marginals], finite)
    changes: list[Change | None] = []
    for index, change in enumerate(there):
        unsure = State.UNCERTAIN in (current.states[index], earlier.states[index])
        changes.append(None if unsure else DIRECTIONS[direction[index]] if change is Change.UNCHANGED else change)
    likely = tuple(None if c is None else shares[i][CHANGES.index(c)] for i, c in enumerate(changes))
    return PairReading(current, earlier, tuple(changes), likely, maps, tokens)


def _moved(alone: StudyStates, there: Sequence[bool], probabilities: Sequence[float], finite: bool) -> StudyStates:
    """The findings of one image as the pair shows them. What only the image alone called positive becomes negative."""
    states, likely = list(alone.states), list(alone.probabilities)
    for index, (present, p) in enumerate(zip(there, probabilities, strict=True)):
        if present:
            states[index] = State.POSITIVE
        elif states[index] is State.POSITIVE:
            states[index] = State.NEGATIVE
        likely[index] = max(p, _SURE) if present else min(p, _SURE - 1e-6)
    likely[-1] = 2 * likely[-1] - (states[-1] is State.POSITIVE)  # as it was before it followed the others
    decided, positive = follow_others(torch.tensor([[STATES.index(s) for s in states]]), torch.tensor([likely]))
    return StudyStates(
        tuple(STATES[i] for i in decided[0].tolist()),
        tuple(positive[0].tolist()),
        alone.weights,
        alone.valid and finite,
    )
