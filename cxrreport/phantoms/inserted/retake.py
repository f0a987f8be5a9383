"""The same patient pictured again: another pose, another machine, another window, the same disease."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cxrreport.phantoms.canvas import Layer, blurred

_NARROW = 0.33  # share of images whose window cuts off what is darkest and brightest


@dataclass(frozen=True, slots=True)
class Retake:
    """How an image is taken again.

    angle in radians (<= 3 degrees); zoom 0.95-1.05; dx, dy in image fractions (<= 0.03); gamma 0.67-1.5; low, high: grey
    values 0..1 shown as black and white, of a third of the images in a much narrower window; detail: -1 blurred ..
    1 sharpened; noise: deviation in grey values 0..1; bordered: black instead of repeated pixels where the image ends;
    seed of the noise.
    """

    angle: float
    zoom: float
    dx: float
    dy: float
    gamma: float
    low: float
    high: float
    detail: float
    noise: float
    bordered: bool
    seed: int

    @classmethod
    def random(cls, rng: np.random.Generator) -> Retake:
        """Draw pose and machine."""
        narrower = rng.uniform(0.0, 0.11, 2) * (rng.random() < _NARROW)
        return cls(
            angle=math.radians(float(np.clip(rng.normal(0, 1.5), -3, 3))),
            zoom=float(rng.uniform(0.95, 1.05)),
            dx=float(rng.uniform(-0.03, 0.03)),
            dy=float(rng.uniform(-0.03, 0.03)),
            gamma=float(np.exp(rng.uniform(-0.4, 0.4))),
            low=float(rng.uniform(-0.02, 0.04) + narrower[0]),
            high=float(rng.uniform(0.96, 1.05) - narrower[1]),
            detail=float(rng.uniform(-1, 1)),
            noise=float(rng.uniform(0.0, 0.014)),
            bordered=bool(rng.random() < 0.5),
            seed=int(rng.integers(2**31)),
        )

    def move(self, layer: Layer, *, bordered: bool) -> Layer:
        """A layer of shape (side, side) in the new pose, float32, bilinear.

        What lies outside is 0 if `bordered`, else the edge repeated.
        """
        side = layer.shape[0]
        pad = math.ceil(0.09 * side)  # more than shift, zoom and rotation together can reach
        edged = np.pad(layer.astype(np.float32), pad, mode="constant" if bordered else "edge")
        matrix = self._matrix(side, pad)
        picture = Image.fromarray(edged).transform(
            (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        return np.asarray(picture, np.float32)

    def _matrix(self, side: int, pad: int) -> tuple[float, float, float, float, float, float]:
        """Pixel of the new image -> pixel of the padded old one, as Pillow wants it (about pixel corners)."""
        cosine, sine = math.cos(self.angle) / self.zoom, math.sin(self.angle) / self.zoom
        middle = side / 2
        x, y = middle + self.dx * side, middle + self.dy * side
        return (
            cosine, sine, middle + pad - cosine * x - sine * y,
            -sine, cosine, middle + pad + sine * x - cosine * y,
        )  # fmt: skip

    def take(self, pixels: Layer) -> Layer:
        """Grey values 0..1, shape (256, 256) -> those of the image taken again."""
        grey = self._process(self.move(pixels, bordered=self.bordered))
        rng = np.random.default_rng(self.seed)
        grain = rng.standard_normal(grey.shape, dtype=np.float32)
        grey += np.float32(self.noise) * (grain + blurred(grain, 0.7))
        shown = np.clip((grey - np.float32(self.low)) / np.float32(self.high - self.low), 0, 1)
        shown = shown ** np.float32(self.gamma)
        if self.bordered:
            shown[self.move(np.ones_like(pixels), bordered=True) < 0.999] = 0
        taken: Layer = shown.astype(np.float32)
        return taken

    def _process(self, grey: Layer) -> Layer:
        """Blur of the screen, or the edge enhancement of a digital system."""
        if self.detail < 0:
            softer: Layer = grey + np.float32(-self.detail) * (blurred(grey, 0.7) - grey)
            return softer
        sharper: Layer = grey + np.float32(0.6 * self.detail) * (grey - blurred(grey, 1.6))
        return sharper
