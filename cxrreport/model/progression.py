"""What became of each finding since the prior (docs/model.md, Progression): consistent by construction.

    softmax(absent: k    new: l_c    resolved: l_p    in both: l_c + l_p + k)

l_c and l_p are the logits of the two studies as the network judges each alone, moved by what TempFAM sees; k >= 0 ties
them, k = 0 is independence. What is in both is worse, the same or better.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.findings import FINDINGS, Change
from cxrreport.model.config import DROPOUT, GRID, PATCHES, DiffRGenNetConfig
from cxrreport.model.temporal import Difference, TempFAM

FOLLOWED = FINDINGS[:-1]  # "no finding" has no direction of change
PRESENCE = (Change.ABSENT, Change.NEW, Change.RESOLVED, Change.UNCHANGED)  # order of the joint states
DIRECTIONS = (Change.WORSENED, Change.UNCHANGED, Change.IMPROVED)  # order of the direction, where a finding is in both
CHANGES = (Change.NEW, Change.WORSENED, Change.UNCHANGED, Change.IMPROVED, Change.RESOLVED, Change.ABSENT)
_LAYERS, _FFN = 2, 512


class Progression(NamedTuple):
    """Of B pairs and the 13 findings: joint (B, 13, 4) logits in the order of `PRESENCE`, direction (B, 13, 3) in that of
    `DIRECTIONS`, maps (B, 13, 2g, 2g) logits of "the finding changed here" over the current image.
    """

    joint: Tensor
    direction: Tensor
    maps: Tensor

    def probabilities(self) -> Tensor:
        """(B, 13, 6) in the order of `CHANGES`; sums to 1."""
        absent, new, resolved, both = self.joint.float().softmax(-1).unbind(-1)
        worse, same, better = (both.unsqueeze(-1) * self.direction.float().softmax(-1)).unbind(-1)
        return torch.stack([new, worse, same, better, resolved, absent], dim=-1)

    def calibrated(self, strictness: Tensor | float, steadiness: Tensor | float) -> Progression:
        """The same with changes made less likely: `strictness` is added to the logits of "absent" and "in both",
        `steadiness` to that of an unchanged direction. Decisions and probabilities are then taken from one distribution.
        """
        device = self.joint.device
        stay = torch.tensor([1.0, 0.0, 0.0, 1.0], device=device) * strictness
        same = torch.tensor([0.0, 1.0, 0.0], device=device) * steadiness
        return Progression(self.joint + stay, self.direction + same, self.maps)

    def places(self, limits: Tensor) -> Tensor:
        """Probability that each finding changed there (B, 13, 2g, 2g); 0 where it does not exceed limits (13,)."""
        likely = self.maps.float().sigmoid()
        return torch.where(likely > limits[:, None, None], likely, 0)

    def reversed(self) -> Progression:
        """What the pair shows in the other order: new <-> resolved, worsened <-> improved, the places the same."""
        return Progression(self.joint[..., [0, 2, 1, 3]], self.direction.flip(-1), self.maps)


class ProgressionHead(nn.Module):
    """Learned queries, one a finding, look at G, P_c and P_p'; a map of each finding looks at the pixels too."""

    def __init__(self, config: DiffRGenNetConfig, pixel_width: int) -> None:
        super().__init__()
        d, count = config.d_model, len(FOLLOWED)
        self.queries = nn.Parameter(torch.randn(count, d) * d**-0.5)
        self.places = nn.Parameter(torch.zeros(PATCHES, d))
        self.types = nn.Parameter(torch.zeros(3, d))  # G, P_c, P_p'
        layer = nn.TransformerDecoderLayer(d, config.heads, min(_FFN, config.ffn), DROPOUT, batch_first=True)
        self.layers = nn.TransformerDecoder(layer, _LAYERS)
        self.to_pixels = nn.Linear(3 * d, pixel_width)
        self.fuse = nn.Sequential(
            nn.Conv2d(pixel_width, pixel_width, 3, padding=1), nn.ReLU(), nn.Conv2d(pixel_width, pixel_width, 3, padding=1),
            nn.ReLU(),
        )  # fmt: skip
        self.map = nn.Conv2d(pixel_width, count, 1)
        self.hidden = nn.Sequential(nn.Linear(d + pixel_width + 2, d), nn.ReLU(), nn.Dropout(DROPOUT))
        self.read = nn.Parameter(torch.zeros(count, d, 6))  # moves of l_c and l_p, k, three directions
        self.bias = nn.Parameter(torch.zeros(count, 6))

    def forward(self, difference: Difference, now: Tensor, before: Tensor) -> Progression:
        """now, before (B, 13): logits of "positive" of the two studies, each judged alone."""
        parts = (difference.tokens, difference.current, difference.aligned)
        memory = torch.cat([x + self.places + t for x, t in zip(parts, self.types, strict=True)], dim=1)  # (B, 3m, d)
        found = self.layers(self.queries.expand(len(now), -1, -1), memory)  # (B, 13, d)
        fused = self._fused(parts, difference.fine)  # (B, c, 2g, 2g)
        maps: Tensor = self.map(fused)
        shares = maps.flatten(2).softmax(-1)  # (B, 13, 4m)
        there = shares @ fused.flatten(2).transpose(1, 2)  # (B, 13, c)
        logits = torch.stack([now, before], dim=-1).to(found.dtype)
        hidden = self.hidden(torch.cat([found, there.to(found.dtype), logits], dim=-1))
        out = (torch.einsum("bfd,fdk->bfk", hidden, self.read.to(hidden.dtype)) + self.bias).float()
        return Progression(_join(now + out[..., 0], before + out[..., 1], out[..., 2]), out[..., 3:], maps.float())

    def _fused(self, parts: tuple[Tensor, ...], fine: Tensor) -> Tensor:
        coarse = self.to_pixels(torch.cat(parts, dim=-1)).transpose(1, 2).unflatten(2, (GRID, GRID))  # (B, c, g, g)
        wide = F.interpolate(coarse.float(), scale_factor=2, mode="bilinear", align_corners=False)
        fused: Tensor = self.fuse(fine + wide.to(fine.dtype))
        return fused


def _join(now: Tensor, before: Tensor, tie: Tensor) -> Tensor:
    """l_c, l_p (B, 13) and what becomes k by softplus -> joint logits (B, 13, 4)."""
    k = F.softplus(tie)
    return torch.stack([k, now, before, now + before + k], dim=-1)


class TemporalNetwork(nn.Module):
    """TempFAM, the progression head, and what was calibrated on validation pairs.

    strictness, steadiness : how much likelier a change must be than none, see `Progression.calibrated`. map_limits (13,) :
        probability of the change map that 99 % of identical pairs stay below everywhere.
    """

    strictness: Tensor
    steadiness: Tensor
    map_limits: Tensor

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.fam = TempFAM(config)
        self.head = ProgressionHead(config, self.fam.pixels.width)
        self.register_buffer("strictness", torch.zeros(()))
        self.register_buffer("steadiness", torch.zeros(()))
        self.register_buffer("map_limits", torch.full((len(FOLLOWED),), 0.5))

    def forward(
        self, current: Tensor, prior: Tensor, pixels: Tensor, registered: Tensor, now: Tensor, before: Tensor
    ) -> tuple[Difference, Progression]:
        """Arguments as in `TempFAM` and `ProgressionHead`."""
        difference = self.fam(current, prior, pixels, registered)
        return difference, self.head(difference, now, before)

    def read(
        self, current: Tensor, prior: Tensor, pixels: Tensor, registered: Tensor, now: Tensor, before: Tensor
    ) -> tuple[Difference, Progression]:
        """Read the pairs in both orders and take the mean, so that images in the other order give the opposite change.

        Of logits a mean keeps the form of the joint states, so the result is as consistent as each of the two.
        """
        difference, one = self(current, prior, pixels, registered, now, before)
        other = self(prior, current, pixels.flip(1), registered, before, now)[1].reversed()
        return difference, Progression(*(torch.stack(pair).mean(0) for pair in zip(one, other, strict=True)))


def decide(progression: Progression) -> tuple[Tensor, Tensor]:
    """Presence index (B, 13) into `PRESENCE` and direction index (B, 13) into `DIRECTIONS`: the likeliest of each.

    The presence alone decides which states the table shows, the direction only where a finding is in both.
    """
    return progression.joint.argmax(-1), progression.direction.argmax(-1)
