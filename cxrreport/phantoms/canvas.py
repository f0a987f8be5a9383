"""Drawing surface of the phantoms: a posed pixel grid, soft ramps, noise fields and anti-aliased strokes.

Anatomy is described in image coordinates: x and y run from 0 to 1, y downwards, x = 0.5 near the midline of a frontal
image. A `Pose` moves that frame on the detector, so that visits of one patient differ as real visits do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

Layer = npt.NDArray[np.floating[Any]]  # float32 wherever an image is covered
Points = npt.NDArray[np.float64]
FINE = 2  # supersampling of strokes
TABLE: Layer = np.linspace(-0.25, 1.25, 3001, dtype=np.float32)  # image coordinates at which tables are evaluated


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the body lies on the detector: rotation in radians, shift in image fractions, magnification."""

    angle: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Stroke:
    """A polyline of image coordinates, shape (n, 2), with its width in image fractions and its value 0..1."""

    points: Points
    width: float
    value: float = 1.0


@dataclass(frozen=True)
class Canvas:
    """A square image of `side` pixels on which anatomy is drawn through a pose."""

    side: int
    pose: Pose = field(default_factory=Pose)

    @cached_property
    def grid(self) -> tuple[Layer, Layer]:
        """Image coordinates (x, y) of every pixel centre, shape (side, side) each."""
        pixel = (np.arange(self.side, dtype=np.float32) + 0.5) / self.side - 0.5
        x = (pixel[None, :] - self.pose.dx) / self.pose.scale
        y = (pixel[:, None] - self.pose.dy) / self.pose.scale
        cosine, sine = math.cos(self.pose.angle), math.sin(self.pose.angle)
        turned_x, turned_y = x * cosine + y * sine + 0.5, y * cosine - x * sine + 0.5
        return turned_x.astype(np.float32), turned_y.astype(np.float32)

    @cached_property
    def _indices(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        low, high = TABLE[0], TABLE[-1]
        step = (len(TABLE) - 1) / (high - low)
        x, y = (np.clip((axis - low) * step, 0, len(TABLE) - 1).astype(np.intp) for axis in self.grid)
        return x, y

    def by_column(self, values: Callable[[Layer], Layer]) -> Layer:
        """A function of image x alone, evaluated once per column of a table and looked up."""
        table: Layer = values(TABLE).astype(np.float32)
        return table[self._indices[0]]

    def by_row(self, values: Callable[[Layer], Layer]) -> Layer:
        """A function of image y alone, evaluated once per row of a table and looked up."""
        table: Layer = values(TABLE).astype(np.float32)
        return table[self._indices[1]]

    def place(self, points: Points) -> Points:
        """Image coordinates -> pixel coordinates, the inverse of `grid`."""
        cosine, sine = math.cos(self.pose.angle), math.sin(self.pose.angle)
        x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
        turned = np.stack([x * cosine - y * sine + self.pose.dx / self.pose.scale, x * sine + y * cosine], axis=1)
        turned[:, 1] += self.pose.dy / self.pose.scale
        return (turned * self.pose.scale + 0.5) * self.side

    def strokes(self, strokes: Sequence[Stroke], blur: float = 0.0) -> Layer:
        """Draw strokes in order (later ones cover earlier ones), blur by image fractions, and return values 0..1."""
        image = Image.new("L", (self.side * FINE, self.side * FINE))
        draw = ImageDraw.Draw(image)
        pixels = self.place(np.concatenate([stroke.points for stroke in strokes])) * FINE
        coordinates, start = pixels.ravel().tolist(), 0
        for stroke in strokes:
            end = start + 2 * len(stroke.points)
            width = stroke.width * self.pose.scale * self.side * FINE
            value = round(255 * stroke.value * min(1.0, width))
            draw.line(coordinates[start:end], fill=value, width=max(1, round(width)))
            start = end
        drawn: Layer = np.asarray(image.reduce(FINE), dtype=np.float32) * np.float32(1 / 255)
        return blurred(drawn, blur * self.side) if blur else drawn


def ramp(distance: Layer, soft: float) -> Layer:
    """0 well outside, 1 well inside, smooth over `soft` image fractions around 0."""
    t = np.clip(distance * np.float32(1 / soft) + np.float32(0.5), 0, 1)
    smooth: Layer = t * t * (3 - 2 * t)
    return smooth


def ellipse(x: Layer, y: Layer, centre: tuple[float, float], axes: tuple[float, float], turn: float = 0.0) -> Layer:
    """Squared normalised radius of a turned ellipse: < 1 inside."""
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    cosine, sine = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    radius: Layer = ((dx * cosine + dy * sine) / np.float32(axes[0])) ** 2
    radius += ((dy * cosine - dx * sine) / np.float32(axes[1])) ** 2
    return radius


def dome(radius: Layer, roots: int = 1) -> Layer:
    """Path length through a round body of unit depth, given the squared radius in projection.

    `roots` = 1 is an ellipsoid; 2 and 3 are blunter, with steeper edges.
    """
    depth: Layer = np.clip(1 - radius, 0, 1)
    for _ in range(roots):
        depth = np.sqrt(depth)
    return depth


def smooth_steps(knots: Iterable[tuple[float, float]]) -> Callable[[Layer], Layer]:
    """A smooth function through (position, value) knots, constant beyond the ends."""
    line = curve(knots, 16)
    order = np.maximum.accumulate(line[:, 0])
    return lambda at: np.interp(at, order, line[:, 1]).astype(np.float32)


def blurred(layer: Layer, sigma: float) -> Layer:
    """Gaussian of a few pixels, edges repeated."""
    soft: Layer = ndimage.gaussian_filter(layer, sigma, mode="nearest", radius=max(1, math.ceil(2.5 * sigma)))
    return soft


def wide_blur(layer: Layer, cells: int) -> Layer:
    """Blur over about 1/cells of the image by shrinking and enlarging: cheap at any width."""
    small = Image.fromarray(layer).resize((cells, cells), Image.Resampling.BOX)
    return np.asarray(small.resize(layer.shape[::-1], Image.Resampling.BICUBIC), dtype=np.float32)


def clouds(rng: np.random.Generator, side: int, cells: int) -> Layer:
    """Smooth noise with `cells` blobs a side, mean 0, deviation about 1."""
    seeds = rng.standard_normal((cells, cells)).astype(np.float32)
    image = Image.fromarray(seeds).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32) * np.float32(1.4)


def curve(points: Iterable[tuple[float, float]], steps: int = 8) -> Points:
    """Catmull-Rom curve through the points, `steps` pieces between two of them."""
    knots = np.asarray(list(points), dtype=np.float64)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:])
    ]
    return np.concatenate([*pieces, knots[-1:]])
