"""A knee: what else lies in a radiology archive and must not be taken for a chest."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer, Stroke, dome, ellipse, ramp, smooth_steps
from cxrreport.phantoms.exposure import Exposure, take_image
from cxrreport.phantoms.scene import MU_SOFT

# Outer borders of the bones, (y, half-width) about their axes; the joint space lies at y = 0.5.
FEMUR = ((-0.1, 0.062), (0.15, 0.060), (0.30, 0.072), (0.40, 0.118), (0.45, 0.132), (0.485, 0.122))
TIBIA = ((0.505, 0.126), (0.53, 0.128), (0.58, 0.105), (0.68, 0.070), (0.85, 0.058), (1.1, 0.055))
SKIN = ((-0.1, 0.235), (0.25, 0.215), (0.50, 0.190), (0.70, 0.185), (1.1, 0.165))


def shaft(canvas: Canvas, borders: tuple[tuple[float, float], ...], middle: float, ends: tuple[float, float]) -> Layer:
    """A long bone: dense cortex, lighter marrow, closed at `ends` (y)."""
    width = smooth_steps(borders)
    inverse = canvas.by_row(lambda y: 1 / width(y))
    across = ((canvas.grid[0] - np.float32(middle)) * inverse) ** 2
    cortex = dome(across) - np.float32(0.62) * dome(across * np.float32(1.7))
    notch = 0.014 * np.exp(-(((canvas.grid[0] - np.float32(middle)) * 22) ** 2))
    closed = ramp(canvas.grid[1] - ends[0], 0.008) * ramp(ends[1] - notch - canvas.grid[1], 0.008)
    bone: Layer = cortex * closed
    return bone


def draw_leg(seed: int, side: int = 512) -> Layer:
    """A frontal knee, pixels float32 0..1, larger = brighter."""
    rng = np.random.default_rng([seed, 41])
    exposure = Exposure.from_seed(seed, 0, "leg")
    canvas, axis = Canvas(side, exposure.pose), float(rng.uniform(0.46, 0.52))
    x, y = canvas.grid
    skin = canvas.by_row(lambda y: 1 / smooth_steps(SKIN)(y))
    body = np.float32(11) * dome(((x - axis) * skin) ** 2)
    bones = shaft(canvas, FEMUR, axis, (-1.0, 0.485)) + shaft(canvas, TIBIA, axis + 0.004, (0.508, 2.0))
    patella = dome(ellipse(x, y, (axis - 0.004, 0.39), (0.066, 0.058)))
    lines = np.asarray([(axis + 0.128, 0.575), (axis + 0.112, 0.70), (axis + 0.105, 1.1)])
    fibula = canvas.strokes([Stroke(lines, 0.042, 0.9), Stroke(lines, 0.022, 0.55)], blur=0.004)
    total = (
        np.float32(MU_SOFT) * body + np.float32(0.95) * bones + np.float32(0.15) * patella + np.float32(0.55) * fibula
    )
    return take_image(total.astype(np.float32), exposure)
