"""What lesions are drawn on: a whole phantom or a real radiograph, told apart by what they do with air and tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer, Stroke
from cxrreport.phantoms.patient import Lesion


@dataclass(frozen=True, slots=True)
class Lung:
    """One lung; lengths and heights are image fractions, layers float32 (side, side).

    name: "right" or "left"; outward: sign of x from the mediastinum to the wall; region, pleura: 0..1, where the lung
    shows and where fluid can lie; wall: distance inwards from chest wall and apex; floor: height below the hemidiaphragm
    (> 0) or above it; apex, dome, low: height of the top, of the hemidiaphragm and of the costophrenic angle; inner,
    outer: column of the mediastinal border and of the wall at mid height.
    """

    name: str
    outward: float
    region: Layer
    pleura: Layer
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

    @property
    def height(self) -> float:
        """From apex to hemidiaphragm."""
        return self.dome - self.apex

    def across(self, share: float) -> float:
        """Column at a share of the way from mediastinum (0) to chest wall (1)."""
        return self.inner + self.outward * share * self.width

    def down(self, share: float) -> float:
        """Height at a share of the way from apex to diaphragm."""
        return self.apex + share * self.height


class Target(Protocol):
    """A chest seen from the front or the side, whose attenuation lesions change."""

    canvas: Canvas

    @property
    def view(self) -> str:
        """ "frontal" or "lateral"."""

    def lung(self, name: str) -> Lung:
        """The right or the left lung as it is now."""

    def rng(self, lesion: Lesion, side: str = "") -> np.random.Generator:
        """Generator of a lesion's shape."""

    def fill(self, lung: Lung, share: Layer, keep: float, dense: Layer | float = 0.0) -> None:
        """Replace a share 0..1 of a lung's air by fluid.

        `keep` is how much of the markings shows through it where layers cannot be told apart, `dense` what it
        attenuates there beyond other tissue.
        """

    def add(self, lung: Lung, thickness: Layer) -> None:
        """Put cm of soft tissue in place of a lung's air."""

    def mark(self, lung: Lung, layer: Layer) -> None:
        """Add attenuation where a lung shows."""

    def empty(self, lung: Lung, share: Layer) -> None:
        """Leave nothing but air in a share 0..1 of a lung."""

    def congest(self, lung: Lung, growth: float) -> None:
        """Let the vessels of a lung grow by a share."""

    def lift(self, lung: Lung, height: float) -> None:
        """Raise the hemidiaphragm."""

    def widen(self, finding: str, severity: float) -> None:
        """Let the heart ("cardiomegaly") or the upper mediastinum grow."""

    def place_devices(self, strokes: Sequence[Stroke], bend: tuple[float, float]) -> None:
        """Lay metal and plastic upon the chest, bent a little in image fractions."""
