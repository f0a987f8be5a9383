"""TempFAM: how a study differs from its prior, patch by patch and pixel by pixel (docs/model.md, TempFAM).

patches P_c, P_p -> soft registration within windows -> P_p'                step 2
[l2, cos, dot](P_c, P_p') and registered pixels -> difference Delta_t       step 3
FAM_tdif(Delta_t, P_c) -> G                                                 step 4

Three things differ from the page. It asks for a FAM of two layers in step 2 and uses the attention of the first
alone: here there is one layer, with the four windows. And the films themselves are compared too: registration puts an
anatomy that is smaller than a patch of 32 pixels into place, so what grew by a few pixels can be seen. And 1 - cosine
of P_c and P_p' marks no places: it was measured to hide more true changes than false ones.
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

_ORDERS = 4  # windows of the soft registration: the whole film, and one, two and three patches around
_WIDTHS = (24, 48, 96, 128)  # channels of the stem, one halving each


@dataclass(frozen=True, slots=True)
class Difference:
    """What TempFAM says of B pairs; m = grid**2 patches of the frontal film, row-major.

    tokens G, current P_c and aligned P_p' (B, m, d); pixels (B, c, 2 * grid, 2 * grid), 0 where the films are not
    registered.
    """

    tokens: Tensor
    current: Tensor
    aligned: Tensor
    pixels: Tensor


class PixelDifference(nn.Module):
    """Strided convolutions over the current film, the registered prior and what is brighter or darker."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.size = config.image_size
        halvings = (config.image_size // (2 * GRID)).bit_length() - 1
        if config.image_size != 2 * GRID << halvings or not 1 <= halvings <= len(_WIDTHS):
            raise ValueError("To compare films, the side of the image must be 2, 4, 8 or 16 times twice the grid.")
        widths = (3, *_WIDTHS[-halvings:])
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            layers += _convolution(width_in, width_out, stride=2)
        self.width = widths[-1]
        self.stem = nn.Sequential(*layers)
        self.around = nn.ModuleList(nn.Sequential(*_convolution(self.width, self.width)) for _ in range(2))

    def forward(self, films: Tensor, registered: Tensor) -> Tensor:
        """films (B, 2, H, W) uint8, current and registered prior; registered (B,) bool -> (B, width, 2g, 2g)."""
        grey = F.interpolate(films.float() / 255, size=(self.size, self.size), mode="area")  # (B, 2, s, s)
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
    """Current and prior -> their difference. Only pairs come here, so a study without a prior is drafted bit for bit
    by the network of `diffrgennet.py`: the page's masked rows and its vector for a missing prior are not needed.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d = config.d_model
        self.projection = nn.Sequential(nn.Linear(config.encoder_width, d), nn.LayerNorm(d))
        self.registration = SoftRegistration(config, _ORDERS)
        self.difference = FeatureDifference(config)
        self.pixels = PixelDifference(config)
        self.pixel_projection = nn.Linear(self.pixels.width, d)
        self.routing = FAM(config, own_place, views=1)

    def forward(self, current: Tensor, prior: Tensor, films: Tensor, registered: Tensor) -> Difference:
        """Compare B pairs.

        current, prior : (B, m, C) frontal patches of the encoder. films : (B, 2, H, W) uint8, current and registered
        prior. registered : (B,) bool; where False the films are left out.
        """
        here = torch.ones(current.shape[:2], dtype=torch.bool, device=current.device)  # (B, m)
        p_c, p_p = self.projection(current), self.projection(prior)
        aligned = self.registration.register(p_c, p_p, self.routing.temperature)  # (B, m, d)
        pixels = self.pixels(films, registered)
        z = self._differ(p_c, aligned) + self._pooled(pixels)
        tokens = self.routing(z, here, p_c, here).tokens
        return Difference(tokens, p_c, aligned, pixels)

    def _differ(self, p_c: Tensor, aligned: Tensor) -> Tensor:
        """Feature Difference of each patch with its own counterpart: (B, m, d), a row of one token a patch."""
        e, f = p_c.flatten(0, 1).unsqueeze(1), aligned.flatten(0, 1)  # (B * m, 1, d), (B * m, d)
        delta: Tensor = self.difference(e, f, torch.ones_like(e[..., 0], dtype=torch.bool))
        return delta.view_as(p_c)

    def _pooled(self, pixels: Tensor) -> Tensor:
        """(B, c, 2g, 2g) -> (B, m, d)."""
        tokens: Tensor = self.pixel_projection(F.avg_pool2d(pixels, 2).flatten(2).transpose(1, 2))
        return tokens
