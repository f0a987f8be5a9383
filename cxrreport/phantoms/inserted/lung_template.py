"""Roughly where the lungs lie on a frontal image: the canonical pair of lungs, stretched and moved until it fits best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrreport.phantoms.canvas import Canvas, Layer, Points, blurred
from cxrreport.phantoms.frontal import frontal_scene
from cxrreport.phantoms.patient import Patient
from cxrreport.records import SIDE

SIDES = ("right", "left")
Mask = npt.NDArray[np.bool_]

_COARSE = 32  # side at which fits are compared
_WIDTHS, _HEIGHTS = np.linspace(0.62, 1.30, 9), np.linspace(0.55, 1.32, 10)
_ACROSS, _DOWN = np.linspace(-0.09, 0.09, 7), np.linspace(-0.20, 0.16, 10)
_BAND = 0.035  # width of what surrounds the lungs, image fractions
_BASE, _BELOW = 0.66, 3.0  # from this height on surroundings count so much more: diaphragm and abdomen are bright
_TOP = 0.12  # where the canonical lungs begin
_AIR = 0.06  # grey value below which there is no body
_LARGE = 0.6  # how much larger lungs are preferred, since any part of a lung is darker than what is around it
_CENTRE = (0.5, 0.43)  # about which the canonical lungs are stretched


@dataclass(frozen=True, slots=True)
class TemplateFit:
    """Stretch about the centre of the canonical lungs, then shift in image fractions, and how well that fits.

    `score` is the difference of brightness between the surroundings and the lungs in standard deviations of both.
    """

    width: float
    height: float
    across: float
    down: float
    score: float

    def place(self, points: Points) -> Points:
        """Canonical image coordinates (n, 2) -> those of the image."""
        centre = np.asarray(_CENTRE)
        placed: Points = (points - centre) * (self.width, self.height) + centre + (self.across, self.down)
        return placed


@cache
def canonical(side: str) -> Mask:
    """A lung of the average build, what heart and mediastinum leave of it, (256, 256) bool: that of the phantom."""
    patient = Patient.from_seed(0)
    lung: Mask = frontal_scene(Canvas(SIDE), patient).free(side) > 4.0
    return lung


def fit_lungs(pixels: npt.NDArray[np.uint8]) -> TemplateFit:
    """Best fit on a preprocessed frontal image, (256, 256) uint8, among some thousands of stretches and shifts."""
    small = np.asarray(Image.fromarray(pixels).resize((_COARSE, _COARSE), Image.Resampling.BOX), np.float32) / 255
    places, lungs, bands = _templates()
    flat = np.where(small > _AIR, small, np.median(small)).astype(np.float32).ravel()
    inside, outside = lungs @ flat, bands @ flat
    square = (lungs + bands) @ (flat * flat) / 2
    spread = np.sqrt(np.maximum(square - ((inside + outside) / 2) ** 2, 1e-4))
    size = np.sqrt(places[:, 0] * places[:, 1])
    scores = (outside - inside) / spread * size**_LARGE - _unlikely(places)
    best = int(np.argmax(scores))
    width, height, across, down = (float(value) for value in places[best])
    return TemplateFit(width, height, across, down, float(scores[best]))


def _unlikely(places: npt.NDArray[np.float64]) -> Layer:
    """What a stretch costs: lungs that leave the image at the top, or are much longer or wider than usual."""
    width, height, _, down = places.T
    top = _CENTRE[1] + (_TOP - _CENTRE[1]) * height + down
    shape = np.log(height / width)
    cost: Layer = (4.0 * np.maximum(0.06 - top, 0) + 0.8 * shape**2).astype(np.float32)
    return cost


@cache
def _templates() -> tuple[npt.NDArray[np.float64], Layer, Layer]:
    """Stretches and shifts (n, 4), and for each the weights (n, 1024) of lungs and of what surrounds them, sum 1."""
    lungs = np.maximum(*(canonical(side).astype(np.float32) for side in SIDES))
    wide = np.minimum(blurred(lungs, _BAND * SIDE) * 4, 1) * (1 - lungs)
    wide *= np.where(np.arange(SIDE)[:, None] > _BASE * SIDE, np.float32(_BELOW), np.float32(1))
    columns, rows = _samplers(_WIDTHS, _ACROSS, _CENTRE[0]), _samplers(_HEIGHTS, _DOWN, _CENTRE[1])
    order = product(product(_WIDTHS, _ACROSS), product(_HEIGHTS, _DOWN))
    places = np.array([(width, height, across, down) for (width, across), (height, down) in order])
    inside, around = (_stretched(layer, columns, rows) for layer in (lungs, wide))
    return places, inside, around


def _samplers(stretches: Layer, shifts: Layer, centre: float) -> Layer:
    """Weights (n, 32, 256) that bring one axis to the coarse side, for every stretch and shift in turn."""
    at = (np.arange(_COARSE, dtype=np.float32) + 0.5) / _COARSE
    sampled = [(at - centre - shift) / stretch + centre for stretch in stretches for shift in shifts]
    pixel = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    distance = np.abs(np.stack(sampled)[:, :, None] - pixel) * np.float32(_COARSE)
    weights: Layer = np.maximum(1 - distance, 0).astype(np.float32)
    return weights


def _stretched(layer: Layer, columns: Layer, rows: Layer) -> Layer:
    """A layer under every stretch across and, within each, every one along: (n, 1024), each of sum 1."""
    tall = rows @ layer  # (along, 32, 256)
    small = np.concatenate([(tall @ one.T).reshape(len(rows), -1) for one in columns])
    weights: Layer = small / np.maximum(small.sum(axis=1, keepdims=True), 1e-6)
    return weights
