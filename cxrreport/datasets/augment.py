"""Augmentation of images on the way to the encoder. Never a flip: laterality is a finding."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(pixels: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """pixels (n, H, W) uint8 -> (n, size, size) uint8, as another machine might have made them.

    Zoom 0.85-1.05, shift <= 5 %, gamma 0.8-1.25. Of every third rotation <= 6 deg; of every eighth each: a tighter window,
    collimation, a marker, noise. Milder than machines differ: when every image had most of it, what is faint was not learnt.
    """
    n = len(pixels)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    def of_every(nth: int) -> Tensor:
        return uniform(0, 1) < 1 / nth

    angle, zoom = uniform(-6, 6) * math.pi / 180 * of_every(3), uniform(0.85, 1.05)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack(
        [torch.stack([cos, -sin, uniform(-0.1, 0.1)], 1), torch.stack([sin, cos, uniform(-0.1, 0.1)], 1)], 1
    )
    grid = F.affine_grid(theta, [n, 1, *pixels.shape[1:]], align_corners=False)
    warped = F.grid_sample(pixels.unsqueeze(1).float() / 255, grid, mode="bilinear", align_corners=False)
    if size < pixels.shape[-1]:  # only now, and each pixel from all that it covers: fine lines are not to flicker
        warped = F.interpolate(warped, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    low, high = (uniform(0, 0.1) * of_every(8) for _ in range(2))
    bright = ((warped[:, 0] - _of(low)) / _of(1 - high - low)).clamp(1e-6, 1).pow(_of(uniform(0.8, 1.25)))
    noise = torch.randn(bright.shape, generator=generator) * _of(uniform(0, 0.04) * of_every(8))
    framed = _collimated((bright + noise).clamp(0, 1), uniform, of_every(8))
    return (_marked(framed, uniform, of_every(8)) * 255).round().to(torch.uint8)


def _collimated(images: Tensor, uniform: Callable[[float, float], Tensor], some: Tensor) -> Tensor:
    """Black borders of up to 8 % at each side of some images (n, size, size)."""
    size = images.shape[-1]
    place = (torch.arange(size) + 0.5) / size
    left, top, right, bottom = (_of(uniform(0, 0.08) * some) for _ in range(4))
    x, y = place[None, None], place[None, :, None]
    return images * ((x >= left) & (x < 1 - right) & (y >= top) & (y < 1 - bottom))


def _marked(images: Tensor, uniform: Callable[[float, float], Tensor], some: Tensor) -> Tensor:
    """A bright bar, such as a letter of a marker, high at either side of some images (n, size, size)."""
    size = images.shape[-1]
    place = (torch.arange(size) + 0.5) / size
    left = torch.where(uniform(0, 1) < 0.5, uniform(0.02, 0.1), uniform(0.86, 0.94))
    top, width, height = uniform(0.02, 0.2), uniform(0.01, 0.03), uniform(0.03, 0.06)
    x, y = place[None, None], place[None, :, None]
    inside = (x >= _of(left)) & (x < _of(left + width)) & (y >= _of(top)) & (y < _of(top + height))
    return torch.where(inside & _of(some), torch.ones(()), images)


def _of(values: Tensor) -> Tensor:
    """One value an image, to meet its pixels."""
    return values[:, None, None]
