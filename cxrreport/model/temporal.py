"""TempFAM: how a study differs from its prior, patch by patch and pixel by pixel (docs/model.md, TempFAM).

patches P_c, P_p -> soft registration within windows -> P_p'
[l2, cos, dot](P_c, P_p') and registered pixels -> difference Delta_t
FAM_tdif(Delta_t, P_c) -> G
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.model.config import GRID, DiffRGenNetConfig
from cxrreport.model.difference import FeatureDifference
from cxrreport.model.fam import FAM
from cxrreport.model.routing import SoftRegistration, own_place

_ORDERS = 4  # windows of the soft registration: the whole image, and one, two and three patches around
_WIDTHS = (24, 48, 96, 128)  # channels of the stem, one halving each


@dataclass(frozen=True, slots=True)
class Difference:
    """What TempFAM says of B pairs; m = PATCHES patches of the frontal image, row-major.

    tokens G, current P_c and aligned P_p' (B, m, d); fine (B, c, 14, 14), features of the pixels, 0 where the images are
    not registered.
    """

    tokens: Tensor
    current: Tensor
    aligned: Tensor
    fine: Tensor


class PixelDifference(nn.Module):
    """Strided convolutions over the current image, the registered prior and what is brighter or darker."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.size = config.image_size
        halvings = max((config.image_size // (2 * GRID)).bit_length() - 1, 0)
        if config.image_size != 2 * GRID << halvings or not 1 <= halvings <= len(_WIDTHS):
            raise ValueError("To compare images, image_size must be 2, 4, 8 or 16 times twice the grid.")
        widths = (3, *_WIDTHS[-halvings:])
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            layers += _convolution(width_in, width_out, stride=2)
        self.width = widths[-1]
        self.stem = nn.Sequential(*layers)
        self.around = nn.ModuleList(nn.Sequential(*_convolution(self.width, self.width)) for _ in range(2))

    def forward(self, pixels: Tensor, registered: Tensor) -> Tensor:
        """pixels (B, 2, H, W) uint8, current and registered prior; registered (B,) bool -> (B, width, 14, 14)."""
        grey = F.interpolate(pixels.float() / 255, size=(self.size, self.size), mode="area")  # (B, 2, s, s)
        x = torch.cat([grey - 0.5, 2 * (grey[:, :1] - grey[:, 1:])], dim=1)
        x = self.stem(x)
        for block in self.around:
            x = x + block(x)
        kept: Tensor = torch.where(registered[:, None, None, None], x, torch.zeros_like(x))
        return kept


def _convolution(width_in: int, width_out: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(width_out), nn.ReLU()]


class TempFAM(nn.Module):
    """Current and prior -> their difference. Only pairs come here: nothing stands for a prior that is missing."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d = config.d_model
        self.projection = nn.Sequential(nn.Linear(config.encoder_width, d), nn.LayerNorm(d))
        self.registration = SoftRegistration(config, _ORDERS)
        self.difference = FeatureDifference(config)
        self.pixels = PixelDifference(config)
        self.pixel_projection = nn.Linear(self.pixels.width, d)
        self.routing = FAM(config, own_place, views=1)

    def forward(self, current: Tensor, prior: Tensor, pixels: Tensor, registered: Tensor) -> Difference:
        """Compare B pairs.

        current, prior : (B, m, C) frontal patches of the encoder. pixels : (B, 2, H, W) uint8, current and registered
        prior. registered : (B,) bool; where False the images are left out.
        """
        here = torch.ones(current.shape[:2], dtype=torch.bool, device=current.device)  # (B, m)
        p_c, p_p = self.projection(current), self.projection(prior)
        aligned = self.registration.register(p_c, p_p, self.routing.temperature)  # (B, m, d)
        fine = self.pixels(pixels, registered)
        z = self._differ(p_c, aligned) + self._pooled(fine)
        tokens = self.routing(z, here, p_c, here).tokens
        return Difference(tokens, p_c, aligned, fine)

    def _differ(self, p_c: Tensor, aligned: Tensor) -> Tensor:
        """Feature Difference of each patch with its own counterpart: (B, m, d), a row of one token a patch."""
        e, f = p_c.flatten(0, 1).unsqueeze(1), aligned.flatten(0, 1)  # (B * m, 1, d), (B * m, d)
        delta: Tensor = self.difference(e, f, torch.ones_like(e[..., 0], dtype=torch.bool))
        return delta.view_as(p_c)

    def _pooled(self, fine: Tensor) -> Tensor:
        """(B, c, 2g, 2g) -> (B, m, d)."""
        tokens: Tensor = self.pixel_projection(F.avg_pool2d(fine, 2).flatten(2).transpose(1, 2))
        return tokens
