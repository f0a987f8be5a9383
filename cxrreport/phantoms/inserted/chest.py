"""Landmarks of a real frontal image, measured on its lung masks: walls, diaphragm, midline, and where there is air.

The curve of its detector is unknown. It is taken for a logistic one, as between toe and shoulder of a film's:
attenuation = log(grey / (1 - grey)), in units of its own. What is added there is bounded by black and white when it
is shown again. This is an approximation: it makes additive what is nearly so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrreport.phantoms.canvas import Layer, blurred, ramp
from cxrreport.phantoms.frontal import nearer
from cxrreport.phantoms.inserted.lung_template import SIDES, Mask
from cxrreport.phantoms.inserted.lungs import LungMasks
from cxrreport.phantoms.scene import SIGN
from cxrreport.phantoms.target import Lung
from cxrreport.records import SIDE

_DARKEST, _BRIGHTEST = 0.02, 0.98  # grey values between which attenuation is known
_LEAST_AIR = 0.9  # by how much, at least, tissue attenuates more than a lung
_AXIS: Layer = ((np.arange(SIDE) + 0.5) / SIDE).astype(np.float32)
X, Y = np.meshgrid(_AXIS, _AXIS)


@dataclass(frozen=True, slots=True)
class Chest:
    """An image ready to be changed: grey values 0..1, their attenuation, both lungs, and that of tissue in their place.

    grey, attenuation, tissue: float32 (256, 256); middle: column of the midline, image fraction.
    """

    grey: Layer
    attenuation: Layer
    tissue: Layer
    lungs: dict[str, Lung]
    middle: float

    @property
    def air(self) -> Layer:
        """What the attenuation would gain if the lungs held no air, >= 0."""
        low = blurred(small(self.attenuation), 1.0)
        return np.maximum(self.tissue - enlarged(low), 0)


def attenuation_of(grey: Layer) -> Layer:
    """Grey values 0..1 -> attenuation."""
    inner = np.clip(grey, _DARKEST, _BRIGHTEST)
    attenuation: Layer = np.log(inner / (1 - inner)).astype(np.float32)
    return attenuation


def show(chest: Chest, attenuation: Layer) -> Layer:
    """Attenuation -> grey values 0..1; where nothing was added the image is as it was."""
    change = 1 / (1 + np.exp(-attenuation)) - 1 / (1 + np.exp(-chest.attenuation))
    return np.clip(chest.grey + change, 0, 1).astype(np.float32)


def survey(pixels: npt.NDArray[np.uint8], found: LungMasks) -> Chest:
    """Measure a preprocessed image, (256, 256) uint8, on the lungs that were found on it."""
    grey = pixels.astype(np.float32) / 255
    attenuation = attenuation_of(grey)
    lungs = {side: _lung(found.masks[side], side) for side in SIDES}
    middle = (lungs["right"].inner + lungs["left"].inner) / 2
    return Chest(grey, attenuation, _tissue(grey, attenuation, lungs), lungs, middle)


def _lung(mask: Mask, side: str) -> Lung:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    apex, low = float(_AXIS[rows[0]]), float(_AXIS[rows[-1]])
    first = np.where(mask.any(axis=1), mask.argmax(axis=1), 0)
    last = SIDE - 1 - np.where(mask.any(axis=1), mask[:, ::-1].argmax(axis=1), 0)
    lateral, medial = (first, last) if side == "right" else (last, first)
    edge = _smoothed(_AXIS[lateral], rows)
    bottom = SIDE - 1 - mask[::-1].argmax(axis=0)
    line = _smoothed(_AXIS[bottom], columns)
    wall, floor = nearer((edge[:, None] - X) * np.float32(SIGN[side]), Y - np.float32(apex)), Y - line[None, :]
    inside = columns[len(columns) // 4 : -len(columns) // 4]
    half = rows[len(rows) * 2 // 5 : len(rows) * 3 // 5]
    region = np.clip(blurred(mask.astype(np.float32), 4.0) * 2.6, 0, 1)
    inner, outer = (float(np.median(_AXIS[border[half]])) for border in (medial, lateral))
    pleura = np.maximum(region, _recess(wall, floor, (X - np.float32(inner)) * np.float32(SIGN[side])))
    dome = float(np.quantile(line[inside], 0.25))
    return Lung(side, SIGN[side], region, pleura, wall, floor, apex, dome, low, inner, outer)


def _recess(wall: Layer, floor: Layer, outwards: Layer) -> Layer:
    """0..1 where the pleural space goes on below the lung that shows: a rim under the diaphragm."""
    rim = ramp(floor + 0.01, 0.02) * ramp(0.08 - floor, 0.05) * ramp(wall - 0.006, 0.01)
    lateral: Layer = rim * ramp(outwards, 0.14)
    return lateral


def _smoothed(line: Layer, there: npt.NDArray[np.intp]) -> Layer:
    """A border that is known at the indices `there`, smoothed and carried on beyond them."""
    whole = np.interp(np.arange(SIDE), there, line[there])
    padded = np.pad(whole, 8, mode="edge")
    kernel = np.hanning(19)[1:-1]
    smooth: Layer = np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)
    return smooth


def _tissue(grey: Layer, attenuation: Layer, lungs: dict[str, Lung]) -> Layer:
    """The attenuation of tissue in place of the lungs: as around them, and clearly more than theirs."""
    lung = np.maximum(*(one.region for one in lungs.values()))
    body = ((grey > 0.12) * (1 - lung)).astype(np.float32)
    level = float(np.quantile(attenuation[(body > 0.5) & (Y > 0.3)], 0.65)) if (body > 0.5).any() else 1.0
    around = blurred(small(body * attenuation), 2.6) + np.float32(0.12 * level)
    local = enlarged(around / (blurred(small(body), 2.6) + np.float32(0.12)))
    inside = lung > 0.8
    least = float(np.median(attenuation[inside])) + _LEAST_AIR if inside.any() else level
    mixed: Layer = np.maximum(0.5 * local + np.float32(0.5 * level), np.float32(least))
    return mixed


def small(layer: Layer) -> Layer:
    """A layer at an eighth of its side."""
    return np.asarray(Image.fromarray(layer.astype(np.float32)).resize((SIDE // 8,) * 2, Image.Resampling.BOX))


def enlarged(layer: Layer) -> Layer:
    """A layer at the image's side, smooth."""
    return np.asarray(Image.fromarray(layer).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
