"""The attenuation of a real frontal image as a `Target` of lesions: it can be filled, added to and warped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cxrreport.phantoms.canvas import Canvas, Layer, Points, Stroke, blurred, ramp
from cxrreport.phantoms.inserted.chest import Chest, X, Y, enlarged, small
from cxrreport.phantoms.patient import Lesion, shape_rng
from cxrreport.phantoms.scene import SIGN
from cxrreport.phantoms.target import Lung
from cxrreport.records import SIDE

_CM = 13.0  # cm of air in a lung at its thickest: what the chest's own `air` stands for
_METAL = 1.7  # attenuation of a device
_BUILD = {"chest": 0.365, "apex": 0.12, "dome": 0.70}  # of the phantom that devices are laid for
# Where heart and mediastinum lie between apex and dome, how far they reach, how far they grow, and to which side.
_CENTRAL = {
    "cardiomegaly": (0.84, 0.42, (0.25, 1.5), {"left": 1.0, "right": 0.7}),
    "enlarged cardiomediastinum": (0.30, 0.26, (0.4, 1.6), {"left": 1.0, "right": 1.0}),
}


@dataclass
class AttenuationMap:
    """A chest and its attenuation as changed so far, float32 (256, 256). See `Target`.

    `seed` is the patient's: it shapes the lesions.
    """

    chest: Chest
    values: Layer
    seed: int
    canvas: Canvas = Canvas(SIDE)  # noqa: RUF009 (frozen)
    view = "frontal"

    def lung(self, name: str) -> Lung:
        """See `Target`."""
        return self.chest.lungs[name]

    def rng(self, lesion: Lesion, side: str = "") -> np.random.Generator:
        """See `Target`."""
        return shape_rng(self.seed, lesion, side)

    def fill(self, lung: Lung, share: Layer, keep: float, dense: Layer | float = 0.0) -> None:
        """See `Target`; no part of the image gets darker."""
        fine = self.values - enlarged(small(self.values))
        full = self.chest.tissue + np.float32(keep) * fine + dense
        self.values = self.values + np.clip(share, 0, 1) * np.maximum(full - self.values, 0)

    def add(self, lung: Lung, thickness: Layer) -> None:
        """See `Target`."""
        self.values = self.values + thickness * np.float32(1 / _CM) * self.chest.air

    def mark(self, lung: Lung, layer: Layer) -> None:
        """See `Target`."""
        self.values = self.values + layer

    def empty(self, lung: Lung, share: Layer) -> None:
        """See `Target`; ribs stay, thin markings go, and what is left gets darker."""
        self.values = self.values - share * (0.85 * markings(self.values) + np.float32(0.20) * self.chest.air)

    def congest(self, lung: Lung, growth: float) -> None:
        """See `Target`."""
        self.values = self.values + np.float32(growth) * lung.region * markings(self.values)

    def lift(self, lung: Lung, height: float) -> None:
        """See `Target`; what lies above is compressed, what lies deep below stays."""
        above = ramp(lung.floor + 0.35 * lung.height, 0.7 * lung.height) * ramp(0.08 - lung.floor, 0.14)
        half = ramp((X - np.float32(self.chest.middle)) * np.float32(lung.outward) - 0.03, 0.08)
        inside = ramp(np.float32(lung.outward) * (np.float32(lung.outer) - X) + 0.03, 0.06)  # the skin stays
        self._warp(np.zeros_like(X), np.float32(height) * above * half * inside)

    def widen(self, finding: str, severity: float) -> None:
        """See `Target`: what lies around the midline is stretched sideways.

        Every pixel shows what lay nearer to the midline; the stretch fades out at the chest walls, where nothing moves,
        so the lungs are squeezed and nothing folds.
        """
        place, reach, (least, more), shares = _CENTRAL[finding]
        apex, dome = self._mean("apex"), self._mean("dome")
        height, reach = apex + place * (dome - apex), reach * (dome - apex)
        rows = np.exp(-(((Y[:, :1] - np.float32(height)) / np.float32(reach)) ** 4))
        across = np.zeros_like(X[:1])
        for name, share in shares.items():
            room = abs(self.chest.lungs[name].outer - self.chest.middle)
            u = (X[:1] - np.float32(self.chest.middle)) * np.float32(SIGN[name] / room)
            across -= np.float32(SIGN[name] * room) * squeezed(u, (least + more * severity) * share)
        self._warp(rows * across, np.zeros_like(X))

    def place_devices(self, strokes: Sequence[Stroke], bend: tuple[float, float]) -> None:
        """See `Target`; they are laid for the phantom's build and fitted to this chest."""
        fitted = [Stroke(self._fitted(one.points, bend), one.width, one.value) for one in strokes]
        self.values = self.values + self.canvas.strokes(fitted, blur=0.0018) * np.float32(_METAL)

    def _fitted(self, points: Points, bend: tuple[float, float]) -> Points:
        """Image coordinates of the phantom (n, 2) -> of this chest."""
        half = sum(abs(lung.outer - self.chest.middle) for lung in self.chest.lungs.values()) / 2
        apex, dome = self._mean("apex"), self._mean("dome")
        across = (points[:, 0] - 0.5) * half / _BUILD["chest"] + self.chest.middle
        down = (points[:, 1] - _BUILD["apex"]) * (dome - apex) / (_BUILD["dome"] - _BUILD["apex"]) + apex
        sway = np.sin(7 * points[:, 1] + 40 * bend[1])
        return np.stack([across + bend[0] * sway, down + bend[1] * sway], axis=1)

    def _mean(self, landmark: str) -> float:
        return sum(float(getattr(lung, landmark)) for lung in self.chest.lungs.values()) / 2

    def _warp(self, across: Layer, down: Layer) -> None:
        """Show at every pixel what lay `across` and `down` image fractions from it, bilinear."""
        rows, columns = np.indices(self.values.shape, dtype=np.float32)
        at = (rows + down * SIDE, columns + across * SIDE)
        self.values = ndimage.map_coordinates(self.values, at, order=1, mode="nearest")


def squeezed(u: Layer, growth: float) -> Layer:
    """How far towards the midline a pixel at the share `u` of the way to the wall looks; 0 at the midline and the wall."""
    inside = np.clip(u, 0, 1)
    most = growth / (1 + growth)  # at the midline the image is stretched by 1 + growth
    moved: Layer = np.float32(most) * inside * (1 - inside)
    return moved


def markings(layer: Layer) -> Layer:
    """What a layer has of bright lines thinner than five pixels, >= 0: vessels, but no ribs."""
    thin: Layer = np.maximum(layer - blurred(ndimage.grey_opening(layer, size=(5, 5), mode="nearest"), 0.8), 0)
    return thin
