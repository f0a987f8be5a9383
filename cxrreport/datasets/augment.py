"""Augmentation of images on the way to the encoder. Never a flip: laterality is a finding."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(pixels: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """pixels (n, H, W) uint8 -> (n, size, size) uint8: rotation <= 6 deg, zoom 0.85-1.05, shift <= 5 %, contrast, gamma.

    Milder than machines differ: with collimation, markers and noise as well, what is faint was not learnt
    (docs/training.md, What was tried).
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
    bright = warped.clamp(min=1e-6).pow(gamma[:, None, None]) * gain[:, None, None]
    return (bright.clamp(0, 1) * 255).round().to(torch.uint8)


def draw_seeds(count: int, generator: torch.Generator) -> Tensor:
    """Seeds (n,) for `augment_each`."""
    return torch.randint(1 << 62, (count,), generator=generator)


def augment_each(pixels: Tensor, size: int, seeds: Tensor) -> Tensor:
    """pixels (n, V, H, W) uint8 -> (n, V, size, size) uint8: `augment`, so that a study's images hang on its seed alone.

    Whoever else is in the batch, and whichever process has it.
    """
    return torch.stack([
        augment(images, size, torch.Generator().manual_seed(seed))
        for images, seed in zip(pixels, seeds.tolist(), strict=True)
    ])  # fmt: skip
