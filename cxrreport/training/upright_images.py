"""Images to learn from how a frontal image lies: real and drawn ones, turned, mirrored, inverted and cropped at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from cxrreport.imaging.preprocess import preprocess
from cxrreport.model.upright import LIES, SIDE
from cxrreport.phantoms.leg import draw_leg

_KEPT = 96  # side of the images that are held
_UPRIGHT = 0.4  # share of frontal images that stay as they are
_CROPPED = 0.25  # share of images of which a part is cut off
_LEFT = (0.45, 0.72)  # of the side of an image, what is left of a cropped one
Grey = npt.NDArray[np.uint8]
Uniform = Callable[[float, float], Tensor]  # a number an image between two bounds, (n,)


def both_ways(images: Iterable[Grey]) -> Tensor:
    """Preprocessed images (256, 256) as they are and as negatives, (n, 2, 96, 96) uint8."""
    kept = [np.stack([_shrink(one), _shrink(preprocess(-one.astype(np.float32)))]) for one in images]
    return torch.from_numpy(np.stack(kept)) if kept else torch.zeros(0, 2, _KEPT, _KEPT, dtype=torch.uint8)


def _shrink(pixels: Grey) -> Grey:
    small = F.interpolate(torch.from_numpy(pixels)[None, None].float(), size=(_KEPT, _KEPT), mode="area")
    found: Grey = small[0, 0].round().to(torch.uint8).numpy()
    return found


def draw(films: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Frontal films (n, 2, 96, 96) -> images (n, 64, 64) uint8 as they may come, their class (n,), and whether cropped (n,)."""
    n = len(films)
    lies = torch.randint(LIES, (n,), generator=generator)
    lies[torch.rand(n, generator=generator) < _UPRIGHT] = 0
    cropped = torch.rand(n, generator=generator) < _CROPPED
    chosen = films[torch.arange(n), lies // 8]
    return turn(vary(chosen, cropped, generator), lies % 8), lies, cropped


def turn(images: Tensor, lies: Tensor) -> Tensor:
    """Mirror (lies & 4) and then turn images (n, s, s) by `lies & 3` quarters, as `numpy.rot90` does."""
    found = torch.where((lies >= 4)[:, None, None], images.flip(-1), images)
    for quarters in (1, 2, 3):
        rows = lies % 4 == quarters
        found[rows] = torch.rot90(found[rows], quarters, (1, 2))
    return found


def vary(images: Tensor, cropped: Tensor, generator: torch.Generator) -> Tensor:
    """Other exposures and positions of images (n, 96, 96) -> (n, 64, 64) uint8; of cropped ones a part alone."""
    n = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    grid = F.affine_grid(_place(cropped, uniform), [n, 1, SIDE, SIDE], align_corners=False)
    grey = images.unsqueeze(1).float() / 255
    moved = F.grid_sample(grey, grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0]
    bars = uniform(0, 1) < 0.3  # beyond the edge the body goes on, or there is a black or a white bar
    inside = F.grid_sample(torch.ones_like(grey), grid, align_corners=False)[:, 0] > 0.5
    moved = torch.where(inside | ~bars[:, None, None], moved, (uniform(0, 1) < 0.5).float()[:, None, None])
    gamma, gain, lift = uniform(0.55, 1.8), uniform(0.75, 1.2), uniform(-0.1, 0.1)
    noise = torch.randn(moved.shape, generator=generator) * uniform(0, 0.04)[:, None, None]
    shown = moved.clamp(min=1e-6).pow(gamma[:, None, None]) * gain[:, None, None] + lift[:, None, None] + noise
    return (shown.clamp(0, 1) * 255).round().to(torch.uint8)


def _place(cropped: Tensor, uniform: Uniform) -> Tensor:
    """Where images lie, (n, 2, 3) as of `affine_grid`: turned a little, scaled and shifted; of cropped ones (n,) a part."""
    angle, zoom = uniform(-9, 9) * math.pi / 180, uniform(0.82, 1.2)
    across, down = uniform(-0.1, 0.1), uniform(-0.1, 0.1)
    zoom_x, zoom_y = (torch.where(cropped, part, zoom) for part in _left_over(uniform))
    room = [(1 - part).clamp(min=0) for part in (zoom_x, zoom_y)]
    across = torch.where(cropped, room[0] * uniform(-1, 1).sign() * uniform(0.3, 1), across)
    down = torch.where(cropped, room[1] * uniform(-1, 1).sign() * uniform(0.3, 1), down)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([
        torch.stack([cos * zoom_x, -sin * zoom_y, across], 1), torch.stack([sin * zoom_x, cos * zoom_y, down], 1)
    ], 1)  # fmt: skip


def _left_over(uniform: Uniform) -> tuple[Tensor, Tensor]:
    """Shares of width and height that are left of a cropped image, of one of them at least clearly less than all."""
    width, height = (torch.where(uniform(0, 1) < 0.6, uniform(*_LEFT), uniform(0.8, 1.0)) for _ in "xy")
    both = (width > 0.75) & (height > 0.75)
    return torch.where(both, uniform(*_LEFT), width), height


def other_images(count: int, rng: np.random.Generator) -> list[Grey]:
    """Images that are no chest: legs, noise, bands, pages of text."""
    return [preprocess(_other(rng)) for _ in range(count)]


def _other(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    kind = rng.integers(3)
    if kind == 0:
        return draw_leg(int(rng.integers(1 << 30)), side=256)
    if kind == 1:
        cells = int(rng.choice([4, 8, 16, 32, 64]))
        return np.kron(rng.normal(size=(cells, cells)), np.ones((256 // cells, 256 // cells))).astype(np.float32)
    page = np.full((256, 256), 1.0, np.float32)
    for row in range(int(rng.integers(8, 40)), 250, int(rng.integers(6, 14))):
        end = int(rng.integers(60, 250))
        page[row : row + 3, 12:end] -= rng.random((3, end - 12)).astype(np.float32) > 0.4
    return page if rng.random() < 0.5 else 1 - page
