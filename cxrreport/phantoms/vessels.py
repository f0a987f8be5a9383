"""Lung vessels: two trees that leave the hila, branch and thin out towards the pleura."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer, Stroke, ellipse
from cxrreport.phantoms.patient import Patient
from cxrreport.phantoms.scene import SIGN

CM_PER_IMAGE = 40.0
PIECES = 6  # straight pieces of one vessel
FORKS = ((2, 0.65), (4, -0.5), (6, 0.3))  # piece at which a branch leaves, and its turn in radians
# Direction (degrees, 0 = lateral, 90 = caudal), length and width of the stems.
FRONTAL_STEMS = (
    (-78, 0.15, 0.010), (-52, 0.17, 0.010), (-25, 0.16, 0.009), (0, 0.16, 0.009),
    (24, 0.17, 0.011), (50, 0.20, 0.014), (70, 0.22, 0.016), (88, 0.17, 0.011),
)  # fmt: skip
LATERAL_STEMS = tuple((angle, 0.15, 0.011) for angle in (-120, -85, -50, -15, 20, 55, 85, 115, 150, 185))


def branch(rng: np.random.Generator, at: complex, angle: float, length: float, width: float) -> list[Stroke]:
    """One vessel and, recursively, its branches; points of the image are complex numbers x + iy."""
    headings = angle + np.cumsum(rng.standard_normal(PIECES) * 0.15)
    path = np.empty(PIECES + 1, dtype=np.complex128)
    path[0] = 0
    np.cumsum(np.exp(1j * headings), out=path[1:])
    path = at + path * (length / PIECES)
    twigs: list[Stroke] = []
    if width > 0.0036:
        for (share, turn), (bend, sign, thin, shorter) in zip(FORKS, rng.random((len(FORKS), 4)).tolist()):
            away = turn * (0.6 + 0.7 * bend) * (1 if sign < 0.5 else -1)
            next_length, next_width = length * (0.55 + 0.3 * shorter), width * (0.5 + 0.2 * thin)
            twigs += branch(rng, complex(path[share]), float(headings[share - 1]) + away, next_length, next_width)
    line = path.view(np.float64).reshape(-1, 2)
    return [
        *twigs,
        Stroke(line[3:], 0.75 * width, min(1.0, width / 0.02)),
        Stroke(line[:4], width, min(1.0, width / 0.016)),
    ]


@lru_cache(maxsize=64)
def frontal_tree(seed: int, side: str) -> tuple[Stroke, ...]:
    """Vessels of one lung in image coordinates, thin ones first."""
    rng = np.random.default_rng([seed, 21, int(SIGN[side]) + 1])
    hilum = 0.412 + 0.425j if side == "right" else 0.60 + 0.40j
    strokes: list[Stroke] = []
    for degrees, length, width in FRONTAL_STEMS:
        angle = math.radians(degrees + rng.normal(0, 5))
        outward = angle if side == "left" else math.pi - angle
        strokes += branch(rng, hilum, outward, length, width * rng.uniform(0.85, 1.1))
    return tuple(sorted(strokes, key=lambda s: s.width))


@lru_cache(maxsize=64)
def lateral_tree(seed: int) -> tuple[Stroke, ...]:
    """Vessels of both lungs seen from the side."""
    rng = np.random.default_rng([seed, 22])
    strokes: list[Stroke] = []
    for degrees, length, width in LATERAL_STEMS:
        strokes += branch(rng, 0.52 + 0.43j, math.radians(degrees + rng.normal(0, 6)), length, width)
    return tuple(sorted(strokes, key=lambda s: s.width))


def blood(canvas: Canvas, strokes: tuple[Stroke, ...]) -> Layer:
    """Cm of blood along the beam: as deep as a vessel is wide."""
    return canvas.strokes(strokes, blur=0.0022) * np.float32(0.055 * CM_PER_IMAGE)


def frontal_vessels(canvas: Canvas, patient: Patient, roots: Layer) -> dict[str, Layer]:
    """Blood of each lung on a frontal image; the lungs lie apart, so one drawing serves both."""
    both = blood(canvas, frontal_tree(patient.seed, "right") + frontal_tree(patient.seed, "left")) + roots
    return {"right": both, "left": both}


def lateral_vessels(canvas: Canvas, patient: Patient) -> dict[str, Layer]:
    """Blood of each lung seen from the side: half of what the beam meets."""
    x, y = canvas.grid
    roots = np.float32(2.0) * np.clip(1 - ellipse(x, y, (0.525, 0.425), (0.045, 0.06), 0.3), 0, 1)
    half = np.float32(0.6) * blood(canvas, lateral_tree(patient.seed)) + roots
    return {"right": half, "left": half}
