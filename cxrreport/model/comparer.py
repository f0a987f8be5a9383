"""From images and findings of a study and its prior to what changed: TempFAM behind arrays and plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxrreport.errors import WeightsError
from cxrreport.findings import Change
from cxrreport.model.config import PATCHES
from cxrreport.model.drafter import Floats, StudyStates
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.progression import CHANGES, DIRECTIONS, FOLLOWED, PRESENCE, decide
from cxrreport.model.weights import Weights

_LARGEST_LOGIT = 6.0


@dataclass(frozen=True, slots=True)
class PairReading:
    """What a study and its prior show together; it judges no image.

    changes, probabilities: the likeliest change of each of the 13 findings that have a direction, and the share of that
    change among the six. new, resolved: the shares of these two, likeliest or not. maps (13, 2g, 2g): probability that the
    finding changed there, over the current image; 0 where no higher than without any change. tokens (2 m, d): G and the
    prior's patches, for `prior.Prior`. valid: False where the network gave no numbers.
    """

    changes: tuple[Change, ...]
    probabilities: tuple[float, ...]
    new: tuple[float, ...]
    resolved: tuple[float, ...]
    maps: Floats
    tokens: Tensor
    valid: bool

    @classmethod
    def plain(
        cls, changes: Sequence[Change], probabilities: Sequence[float], new: Sequence[float], resolved: Sequence[float]
    ) -> PairReading:  # fmt: skip
        """The changes alone, without their places and tokens."""
        maps, tokens = np.zeros((0, 0, 0), np.float32), torch.zeros(0, 0)
        return cls(tuple(changes), tuple(probabilities), tuple(new), tuple(resolved), maps, tokens, True)


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
        """Read B pairs. pixels: (2, 256, 256) of each, the current frontal image and the registered prior one. now, before:
        the findings of either image, each judged alone.
        """
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
        tokens = torch.cat([difference.tokens, difference.aligned], dim=1)
        presence, direction = decide(progression)
        rows = zip(
            presence.tolist(), direction.tolist(), progression.probabilities().tolist(), maps, tokens, finite.tolist(),
            strict=True,
        )  # fmt: skip
        return [_reading(*row) for row in rows]


def _reading(
    presence: list[int], direction: list[int], shares: list[list[float]], maps: Floats, tokens: Tensor, finite: bool
) -> PairReading:
    there = [PRESENCE[index] for index in presence]
    changes = [DIRECTIONS[d] if p is Change.UNCHANGED else p for p, d in zip(there, direction, strict=True)]
    likely = [share[CHANGES.index(change)] for share, change in zip(shares, changes, strict=True)]
    new, resolved = (
        tuple(share[CHANGES.index(change)] for share in shares) for change in (Change.NEW, Change.RESOLVED)
    )
    return PairReading(tuple(changes), tuple(likely), new, resolved, maps, tokens, finite)
