"""Augmentation of images on the way to the encoder. Never a flip: laterality is a finding."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(pixels: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """pixels (n, H, W) uint8 -> (n, size, size) uint8, as another machine might have made them.

    Rotation <= 6 deg, zoom 0.85-1.05, shift <= 5 %; contrast, gamma; of every fourth the window is tighter, every fourth is
    collimated, every fourth has a marker, every other noise.
    """
    n = len(pixels)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    angle, zoom = uniform(-6, 6) * math.pi / 180, uniform(0.85, 1.05)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack(
        [torch.stack([cos, -sin, uniform(-0.1, 0.1)], 1), torch.stack([sin, cos, uniform(-0.1, 0.1)], 1)], 1
    )
    grid = F.affine_grid(theta, [n, 1, size, size], align_corners=False)
    warped = F.grid_sample(pixels.unsqueeze(1).float() / 255, grid, mode="bilinear", align_corners=False)[:, 0]
    gamma, gain = uniform(0.8, 1.25), uniform(0.85, 1.15)
    low, high = uniform(0, 0.1) * (uniform(0, 1) < 0.25), 1 - uniform(0, 0.1) * (uniform(0, 1) < 0.25)
    bright = ((warped - _of(low)) / _of(high - low)).clamp(min=1e-6).pow(_of(gamma)) * _of(gain)
    noise = torch.randn(bright.shape, generator=generator) * _of(uniform(0, 0.04) * (uniform(0, 1) < 0.5))
    framed = _collimated((bright + noise).clamp(0, 1), uniform)
    return (_marked(framed, uniform) * 255).round().to(torch.uint8)


def _collimated(images: Tensor, uniform: Callable[[float, float], Tensor]) -> Tensor:
    """Black borders of up to 8 % at each side of some images (n, size, size)."""
    size, some = images.shape[-1], uniform(0, 1) < 0.25
    place = (torch.arange(size) + 0.5) / size
    left, top, right, bottom = (_of(uniform(0, 0.08) * some) for _ in range(4))
    x, y = place[None, None], place[None, :, None]
    return images * ((x >= left) & (x < 1 - right) & (y >= top) & (y < 1 - bottom))


def _marked(images: Tensor, uniform: Callable[[float, float], Tensor]) -> Tensor:
    """A bright bar, such as a letter of a marker, high at either side of some images (n, size, size)."""
    size, some = images.shape[-1], _of(uniform(0, 1) < 0.25)
    place = (torch.arange(size) + 0.5) / size
    left = torch.where(uniform(0, 1) < 0.5, uniform(0.02, 0.1), uniform(0.86, 0.94))
    top, width, height = uniform(0.02, 0.2), uniform(0.01, 0.03), uniform(0.03, 0.06)
    x, y = place[None, None], place[None, :, None]
    inside = (x >= _of(left)) & (x < _of(left + width)) & (y >= _of(top)) & (y < _of(top + height))
    return torch.where(inside & some, torch.ones(()), images)


def _of(values: Tensor) -> Tensor:
    """One value an image, to meet its pixels."""
    return values[:, None, None]
