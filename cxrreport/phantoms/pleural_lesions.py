"""Lesions of the pleura: effusion, pneumothorax, thickening."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.canvas import Layer, clouds, ramp
from cxrreport.phantoms.patient import ZONE_HEIGHT, Lesion
from cxrreport.phantoms.target import Lung, Target


def paint_effusion(target: Target, lesion: Lesion) -> None:
    """Free fluid: it blunts the costophrenic angle, then rises, concave upwards and climbing the chest wall."""
    for lung in map(target.lung, lesion.lungs):
        tall = lung.low - lung.apex
        level = lung.low - tall * (0.60 * lesion.severity - 0.01)
        climb = tall * (0.09 + 0.12 * lesion.severity)
        meniscus = np.float32(climb) * np.exp(-np.maximum(lung.wall, 0) / np.float32(0.27 * lung.width))
        depth = target.canvas.grid[1] - np.float32(level) + meniscus
        share = ramp(depth - 0.004, 0.065) * (0.75 + 0.22 * ramp(depth - 0.05, 0.12))
        target.fill(lung, share * lung.pleura, keep=0.2, dense=0.2 * ramp(depth, 0.3) * lung.region)


def edge_of_lung(target: Target, lung: Lung, severity: float) -> Layer:
    """Distance inside (> 0) or outside the edge of a collapsed lung, which falls away from the apex first."""
    above = np.clip((np.float32(lung.dome) - target.canvas.grid[1]) / np.float32(0.8 * lung.height), 0, 1)
    gap = lung.width * (0.075 + 0.53 * severity) * (0.22 + 0.78 * above)
    inside: Layer = lung.wall - gap.astype(np.float32)
    return inside


def paint_pneumothorax(target: Target, lesion: Lesion) -> None:
    """Air around the lung: no markings beyond a thin pleural line; the lung inside is denser."""
    for lung in map(target.lung, lesion.lungs):
        inside = edge_of_lung(target, lung, lesion.severity)
        left = ramp(inside, 0.005)
        within = lung.region * ramp(lung.wall - 0.004, 0.010)
        target.fill(lung, left * within * np.float32(0.05 + 0.22 * lesion.severity), keep=0.9)
        target.empty(lung, (1 - left) * within)
        target.mark(lung, np.float32(0.20) * np.exp(-((inside / np.float32(0.0036)) ** 2)) * within)


def paint_thickening(target: Target, lesion: Lesion) -> None:
    """A rind of uneven width along the wall of one zone, an apical cap, with a little chalk at its edge."""
    for lung in map(target.lung, lesion.lungs):
        rng, side = target.rng(lesion, lung.name), target.canvas.side
        near = np.abs(target.canvas.grid[1] - np.float32(lung.down(ZONE_HEIGHT[lesion.zone])))
        reach = ramp(0.12 + 0.06 * lesion.severity - near, 0.07) * lung.pleura
        width = lung.width * (0.06 + 0.11 * lesion.severity) + np.float32(0.005) * clouds(rng, side, 18)
        rind = ramp(width - lung.wall, 0.009) * reach
        target.fill(lung, rind * np.float32(0.65 + 0.25 * lesion.severity), keep=0.5)
        edge = np.exp(-(((lung.wall - width) / np.float32(0.006)) ** 2)) * reach
        chalk = ramp(clouds(rng, side, 24) - 0.2, 1.0)
        target.mark(lung, edge * chalk * np.float32(0.15 + 0.23 * lesion.severity))
