"""Landmarks of a real frontal film, measured on its lung masks: walls, diaphragm, midline, and where there is air.

The film's own curve is unknown. It is taken for a logistic one, as between toe and shoulder of a characteristic curve:
attenuation = log(grey / (1 - grey)), in units of the film. What is added there is bounded by black and white when it
is shown again. This is an approximation: it makes additive what is nearly so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrreport.phantoms.canvas import Layer, blur
from cxrreport.phantoms.frontal import nearer
from cxrreport.phantoms.inserted.lung_template import SIDES, Mask
from cxrreport.phantoms.inserted.lungs import Lungs
from cxrreport.records import SIDE

SIGN = {"right": -1.0, "left": 1.0}
_DARKEST, _BRIGHTEST = 0.02, 0.98  # grey values between which attenuation is told
_LEAST_AIR = 0.9  # by how much, at least, tissue outweighs a lung
_AXIS: Layer = ((np.arange(SIDE) + 0.5) / SIDE).astype(np.float32)
X, Y = np.meshgrid(_AXIS, _AXIS)


@dataclass(frozen=True, slots=True)
class Side:
    """One lung; lengths and heights are film fractions, layers float32 (256, 256).

    region: 0..1, the lung with a soft margin; wall: distance inwards from chest wall and apex; floor: height below the
    hemidiaphragm (> 0) or above it; apex, dome, low: height of the top, of the hemidiaphragm and of the costophrenic
    angle; inner, outer: column of the mediastinal border and of the wall at mid height.
    """

    region: Layer
    wall: Layer
    floor: Layer
    apex: float
    dome: float
    low: float
    inner: float
    outer: float

    @property
    def width(self) -> float:
        """From mediastinum to wall."""
        return abs(self.outer - self.inner)

    def height_of(self, share: float) -> float:
        """Height at a share of the way from apex to diaphragm."""
        return self.apex + share * (self.dome - self.apex)


@dataclass(frozen=True, slots=True)
class Chest:
    """A film ready to be changed: grey values 0..1, what they weigh, both lungs, and what tissue in their place weighs.

    grey, weight, tissue: float32 (256, 256); middle: column of the midline, film fraction.
    """

    grey: Layer
    weight: Layer
    tissue: Layer
    sides: dict[str, Side]
    middle: float

    @property
    def air(self) -> Layer:
        """What the film would gain if the lungs held no air, >= 0."""
        low = blur(small(self.weight), 1.0)
        return np.maximum(self.tissue - enlarged(low), 0)


def weigh(grey: Layer) -> Layer:
    """Grey values 0..1 -> attenuation in units of the film."""
    inner = np.clip(grey, _DARKEST, _BRIGHTEST)
    weight: Layer = np.log(inner / (1 - inner)).astype(np.float32)
    return weight


def show(chest: Chest, weight: Layer) -> Layer:
    """Attenuation -> grey values 0..1; where nothing was added the film is as it was."""
    change = 1 / (1 + np.exp(-weight)) - 1 / (1 + np.exp(-chest.weight))
    return np.clip(chest.grey + change, 0, 1).astype(np.float32)


def survey(film: npt.NDArray[np.uint8], lungs: Lungs) -> Chest:
    """Measure a preprocessed film, (256, 256) uint8, on the lungs that were found on it."""
    grey = film.astype(np.float32) / 255
    weight = weigh(grey)
    sides = {side: _side(lungs.masks[side], side) for side in SIDES}
    middle = (sides["right"].inner + sides["left"].inner) / 2
    return Chest(grey, weight, _tissue(grey, weight, sides), sides, middle)


def _side(mask: Mask, side: str) -> Side:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    apex, low = float(_AXIS[rows[0]]), float(_AXIS[rows[-1]])
    first = np.where(mask.any(axis=1), mask.argmax(axis=1), 0)
    last = SIDE - 1 - np.where(mask.any(axis=1), mask[:, ::-1].argmax(axis=1), 0)
    lateral, medial = (first, last) if side == "right" else (last, first)
    edge = _smoothed(_AXIS[lateral], rows)
    bottom = SIDE - 1 - mask[::-1].argmax(axis=0)
    floor = _smoothed(_AXIS[bottom], columns)
    wall = nearer((edge[:, None] - X) * np.float32(SIGN[side]), Y - np.float32(apex))
    inside = columns[len(columns) // 4 : -len(columns) // 4]
    half = rows[len(rows) * 2 // 5 : len(rows) * 3 // 5]
    soft = blur(mask.astype(np.float32), 4.0) * 2.6
    return Side(
        region=np.clip(soft, 0, 1), wall=wall, floor=Y - floor[None, :], apex=apex,
        dome=float(np.quantile(floor[inside], 0.25)), low=low,
        inner=float(np.median(_AXIS[medial[half]])), outer=float(np.median(_AXIS[lateral[half]])),
    )  # fmt: skip


def _smoothed(line: Layer, there: npt.NDArray[np.intp]) -> Layer:
    """A border that is known at the indices `there`, smoothed and carried on beyond them."""
    whole = np.interp(np.arange(SIDE), there, line[there])
    padded = np.pad(whole, 8, mode="edge")
    kernel = np.hanning(19)[1:-1]
    smooth: Layer = np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)
    return smooth


def _tissue(grey: Layer, weight: Layer, sides: dict[str, Side]) -> Layer:
    """What the film would weigh in place of the lungs: as around them, and clearly more than they do."""
    lung = np.maximum(*(side.region for side in sides.values()))
    body = ((grey > 0.12) * (1 - lung)).astype(np.float32)
    level = float(np.quantile(weight[(body > 0.5) & (Y > 0.3)], 0.65)) if (body > 0.5).any() else 1.0
    around = blur(small(body * weight), 2.6) + np.float32(0.12 * level)
    local = enlarged(around / (blur(small(body), 2.6) + np.float32(0.12)))
    inside = lung > 0.8
    least = float(np.median(weight[inside])) + _LEAST_AIR if inside.any() else level
    mixed: Layer = np.maximum(0.5 * local + np.float32(0.5 * level), np.float32(least))
    return mixed


def small(layer: Layer) -> Layer:
    """A layer at an eighth of its side."""
    return np.asarray(Image.fromarray(layer.astype(np.float32)).resize((SIDE // 8,) * 2, Image.Resampling.BOX))


def enlarged(layer: Layer) -> Layer:
    """A layer at the film's side, smooth."""
    return np.asarray(Image.fromarray(layer).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
