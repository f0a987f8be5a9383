"""Where the lungs lie on a frontal image, by image processing: a template finds them, their borders are then traced.

The border of each lung is the closed line around its middle on which the image turns from dark to bright, outwards, as
strongly as can be, while it stays near the shape of a lung and bends little: dynamic programming over rays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from cxrreport.phantoms.canvas import Layer, Points, blurred
from cxrreport.phantoms.inserted.lung_template import SIDES, Mask, TemplateFit, canonical, fit_lungs
from cxrreport.records import SIDE

_RAYS = 96
_RADII: npt.NDArray[np.float32] = np.linspace(0.62, 1.45, 54, dtype=np.float32)  # of the canonical radius
_REACH = 3  # steps of radius from one ray to the next
_STIFF, _HOME = 0.035, 0.55  # what a step of radius costs, and the square of straying from the canonical radius
_SETTLED = 0.10  # what the square of a further stretch costs, in grey values across the border
_AREA = (0.05, 0.27)  # of the image that one lung may take
_CONTRAST = 0.55  # standard deviations by which the surroundings must be brighter than the lungs
_EDGE = 0.03  # least turn from dark to bright over each quarter of a traced border

_BELOW = 1  # which quarter is the diaphragm
_FLOOR = {"right": 0.16, "left": 0.06}  # least turn there: the liver is bright, the stomach may hold gas


@dataclass(frozen=True, slots=True)
class LungMasks:
    """Lung fields of one image: for "right" and "left" (the patient's) a mask (256, 256) bool of what shows as lung.

    `found` holds the sides that the image itself showed; the average lung stands in for the others.
    """

    masks: dict[str, Mask]
    found: frozenset[str]


def find_lungs(pixels: npt.NDArray[np.uint8]) -> LungMasks:
    """Find the lungs of a preprocessed frontal image, (256, 256) uint8, the patient's right at the left."""
    fit = fit_lungs(pixels)
    if fit.score < _CONTRAST:
        return LungMasks({side: canonical(side) for side in SIDES}, frozenset())
    smooth = blurred(pixels.astype(np.float32) / 255, 2.2)
    traced = {side: _trace(smooth, fit, side) for side in SIDES}
    found = frozenset(side for side in SIDES if _plausible(side, *traced[side]))
    masks = {side: traced[side][0] if side in found else _filled(fit.place(_outline(side))) for side in SIDES}
    return LungMasks(masks, found)


def _plausible(side: str, mask: Mask, edges: list[float]) -> bool:
    sized = _AREA[0] <= float(mask.mean()) <= _AREA[1]
    return sized and min(edges) >= _EDGE and edges[_BELOW] >= _FLOOR[side]


@cache
def _middle(side: str) -> Points:
    rows, columns = np.nonzero(canonical(side))
    return np.asarray([[columns.mean() + 0.5, rows.mean() + 0.5]]) / SIDE


@cache
def _outline(side: str) -> Points:
    """Border of the canonical lung on every ray from its middle, image coordinates (rays, 2)."""
    angles = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    heading = np.stack([0.55 * np.cos(angles), np.sin(angles)], axis=1)  # more rays across than along
    steps = np.linspace(0, 0.6, 400)
    points = _middle(side)[:, None] + steps[None, :, None] * heading[:, None]
    columns, rows = (np.clip((points[..., axis] * SIDE).astype(int), 0, SIDE - 1) for axis in (0, 1))
    inside = canonical(side)[rows, columns]
    last = np.array([np.flatnonzero(ray)[-1] for ray in inside])
    border: Points = points[np.arange(_RAYS), last]
    return border


def _trace(smooth: Layer, fit: TemplateFit, side: str) -> tuple[Mask, list[float]]:
    """The traced lung, and how much brighter the image is outside its border than inside, for each quarter of it."""
    middle, outline = _settled(smooth, fit.place(_middle(side)), fit.place(_outline(side)))
    rays = outline - middle
    unit = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    points = middle + _RADII[:, None, None] * rays  # (radii, rays, 2)
    edge = _at(smooth, points + 0.012 * unit) - _at(smooth, points - 0.012 * unit)
    home = np.float32(_HOME) * (_RADII[:, None] - 1) ** 2 * np.float32(0.25)
    chosen = _shortest(home - edge)
    border = points[chosen, np.arange(_RAYS)]
    inside, *outside = (_at(smooth, middle + share * (border - middle)) for share in (0.75, 1.2, 1.4))
    below = (np.arange(_RAYS) > _RAYS // 8) & (np.arange(_RAYS) < 3 * _RAYS // 8)
    steps = np.where(below, np.minimum(*outside), outside[0]) - inside  # no lung goes on below its floor
    quarters = np.roll(steps, _RAYS // 8).reshape(4, -1)
    return _filled(border), [float(quarter.mean()) for quarter in quarters]


def _settled(smooth: Layer, middle: Points, outline: Points) -> tuple[Points, Points]:
    """The lung stretched and shifted a little more, by itself, to where the image turns brightest across its border."""
    moves = _moves()
    size, shift = moves[:, None, :2], moves[:, None, 2:]
    lines = middle + (outline - middle) * size + shift  # (moves, rays, 2)
    unit = (outline - middle) / np.linalg.norm(outline - middle, axis=1, keepdims=True)
    step = 0.02 * unit
    edge = (_at(smooth, lines + step) - _at(smooth, lines - step)).mean(axis=1)
    cost = _SETTLED * ((moves[:, :2] - 1) ** 2).sum(axis=1) + _SETTLED * 4 * (moves[:, 2:] ** 2).sum(axis=1)
    best = int(np.argmax(edge - cost))
    return middle + moves[best, 2:], lines[best]


@cache
def _moves() -> Points:
    """Stretches across and along and shifts (n, 4)."""
    across, along = np.linspace(0.8, 1.25, 7), np.linspace(0.78, 1.28, 8)
    steps = np.linspace(-0.05, 0.05, 5)
    return np.array(list(product(across, along, steps, 1.6 * steps)))


def _at(layer: Layer, points: Points) -> Layer:
    """Values at image coordinates (..., 2), nearest pixel, repeated beyond the edges."""
    index = np.clip((points * SIDE).astype(np.intp), 0, SIDE - 1)
    return layer[index[..., 1], index[..., 0]]


def _shortest(cost: Layer) -> npt.NDArray[np.intp]:
    """Radius on every ray of the cheapest closed line, given the cost (radii, rays).

    The line is closed by going round twice and keeping the second round.
    """
    twice = np.concatenate([cost, cost], axis=1)
    total, came = twice[:, 0], np.zeros(twice.shape, np.intp)
    steps = np.arange(-_REACH, _REACH + 1)
    fare = (np.float32(_STIFF) * np.abs(steps).astype(np.float32))[:, None] * np.float32(0.5)
    for ray in range(1, twice.shape[1]):
        padded = np.pad(total, _REACH, constant_values=np.float32(1e6))
        options = np.stack([padded[_REACH + step : _REACH + step + len(total)] for step in steps]) + fare
        best = options.argmin(axis=0)
        came[:, ray] = best - _REACH
        total = options[best, np.arange(len(total))] + twice[:, ray]
    return _followed(int(total.argmin()), came)[cost.shape[1] :]


def _followed(last: int, came: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    path = np.zeros(came.shape[1], np.intp)
    for ray in range(came.shape[1] - 1, -1, -1):
        path[ray] = last
        last = last + int(came[last, ray])
    return path


def _filled(border: Points) -> Mask:
    """Inside of a closed line of image coordinates, smoothed."""
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in border * SIDE], fill=255)
    mask: Mask = blurred(np.asarray(picture, np.float32), 1.5) > 127
    return mask
