"""The plate that lesions are drawn on: the attenuation of one film, to be filled, added to and warped."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer, Stroke, blur, clouds
from cxrreport.phantoms.inserted.chest import SIGN, Chest, Side, X, Y, enlarged, small
from cxrreport.phantoms.patient import Lesion
from cxrreport.records import SIDE

_CM = 13.0  # cm of air in a lung at its thickest: what the film's own `air` stands for


@dataclass
class Plate:
    """A chest and its attenuation as changed so far, float32 (256, 256); `seed` is that of the patient's lesions."""

    chest: Chest
    weight: Layer
    seed: int

    def rng(self, lesion: Lesion, side: str = "") -> np.random.Generator:
        """Generator of a lesion's shape: the same at every severity, so that it can grow and shrink."""
        name = zlib.crc32(f"{lesion.finding}/{lesion.side}/{lesion.zone}/{side}".encode())
        return np.random.default_rng([self.seed, name])

    def fill(self, share: Layer, keep: float, dense: Layer | float = 0.0) -> None:
        """Replace a share 0..1 of the air by fluid, which makes no part of the film darker.

        `keep` is how much of the ribs and vessels shows through it, `dense` what it weighs beyond other tissue.
        """
        fine = self.weight - enlarged(small(self.weight))
        full = self.chest.tissue + np.float32(keep) * fine + dense
        self.weight = self.weight + np.clip(share, 0, 1) * np.maximum(full - self.weight, 0)

    def add(self, thickness: Layer) -> None:
        """Add cm of soft tissue in place of air, where there is lung."""
        self.weight = self.weight + thickness * np.float32(1 / _CM) * self.chest.air

    def warp(self, across: Layer, down: Layer) -> None:
        """Show at every pixel what lay `across` and `down` film fractions from it, bilinear."""
        self.weight = sampled(self.weight, X + across, Y + down)

    def strokes(self, strokes: list[Stroke], sigma: float) -> Layer:
        """Lines of film coordinates 0..1, blurred by `sigma` pixels."""
        return blur(Canvas(SIDE).strokes(strokes), sigma)


def sampled(layer: Layer, x: Layer, y: Layer) -> Layer:
    """Values of a layer at film coordinates, bilinear, repeated beyond the edges."""
    column, row = np.clip(x * SIDE - 0.5, 0, SIDE - 1.001), np.clip(y * SIDE - 0.5, 0, SIDE - 1.001)
    left, top = column.astype(np.intp), row.astype(np.intp)
    across, down = (column - left).astype(np.float32), (row - top).astype(np.float32)
    flat, at = layer.ravel(), top * SIDE + left
    upper = flat[at] * (1 - across) + flat[at + 1] * across
    mixed: Layer = upper * (1 - down) + (flat[at + SIDE] * (1 - across) + flat[at + SIDE + 1] * across) * down
    return mixed


def without_markings(layer: Layer) -> Layer:
    """A layer without bright lines thinner than five pixels: vessels go, ribs stay."""
    return np.minimum(blur(_widest(_widest(layer, np.minimum), np.maximum), 0.8), layer)


def _widest(layer: Layer, choose: Callable[[Layer, Layer], Layer]) -> Layer:
    """Least or largest value of the five by five pixels around each."""
    for axis in (0, 1):
        wide = np.pad(layer, [(2, 2) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
        shifts = [wide[i : i + SIDE] if axis == 0 else wide[:, i : i + SIDE] for i in range(5)]
        layer = reduce(choose, shifts)
    return layer


def texture(rng: np.random.Generator) -> Layer:
    """Rough noise of two sizes, mean 0, deviation about 0.7."""
    rough: Layer = 0.6 * clouds(rng, SIDE, 14) + 0.4 * clouds(rng, SIDE, 36)
    return rough


def inwards(side: Side, name: str, share: float) -> float:
    """Column at a share of the way from mediastinum (0) to chest wall (1)."""
    return side.inner + SIGN[name] * share * side.width
