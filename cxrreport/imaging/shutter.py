"""The display shutter of a header (PS3.3 C.7.6.11): what it hides is black."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from cxrreport.imaging.voi import numbers

Mask = npt.NDArray[np.bool_]
_SHAPE, _EDGES, _CENTRE, _RADIUS, _VERTICES = (
    0x00181600,
    (0x00181602, 0x00181604, 0x00181606, 0x00181608),
    0x00181610,
    0x00181612,
    0x00181620,
)
SHUTTER_TAGS = (_SHAPE, *_EDGES, _CENTRE, _RADIUS, _VERTICES)
_MIN_SHARE = 0.1  # of the image that a shutter leaves; one that leaves less is a mistake
_MAX_PLACE = 1e6


def visible(dataset: Dataset, shape: tuple[int, int]) -> Mask | None:
    """Return which pixels of (rows, columns) every usable shutter leaves; None where nothing is hidden.

    Rows and columns are counted from 1. A shutter that lacks a number or leaves next to nothing is passed by.
    """
    shapes = _shapes(dataset)
    if not shapes:
        return None
    left = np.ones(shape, bool)
    for name, draw in (("RECT", _rectangle), ("CIRC", _circle), ("POLY", _polygon)):
        if name in shapes:
            found = draw(dataset, shape)
            if found is not None and (left & found).mean() >= _MIN_SHARE:
                left &= found
    return None if left.all() else left


def _shapes(dataset: Dataset) -> str:
    try:
        return str(dataset[_SHAPE].value).upper()
    except Exception:  # absent; and pydicom converts on access, and raises nearly anything
        return ""


def _rectangle(dataset: Dataset, shape: tuple[int, int]) -> Mask | None:
    edges = [found[0] for tag in _EDGES if (found := numbers(dataset, tag))]
    if len(edges) < len(_EDGES):
        return None
    row, column = np.ogrid[1 : shape[0] + 1, 1 : shape[1] + 1]
    left, right, upper, lower = edges
    return (left <= column) & (column <= right) & (upper <= row) & (row <= lower)


def _circle(dataset: Dataset, shape: tuple[int, int]) -> Mask | None:
    centre, radius = numbers(dataset, _CENTRE), numbers(dataset, _RADIUS)
    if len(centre) != 2 or len(radius) != 1 or max(map(abs, (*centre, *radius))) > _MAX_PLACE:
        return None
    row, column = np.ogrid[1 : shape[0] + 1, 1 : shape[1] + 1]
    return (row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= radius[0] ** 2


def _polygon(dataset: Dataset, shape: tuple[int, int]) -> Mask | None:
    places = numbers(dataset, _VERTICES)
    if len(places) < 6 or len(places) % 2 or max(map(abs, places)) > _MAX_PLACE:
        return None
    image = Image.new("1", (shape[1], shape[0]))
    corners = [(column - 1, row - 1) for row, column in zip(places[::2], places[1::2], strict=True)]
    ImageDraw.Draw(image).polygon(corners, fill=1)
    return np.asarray(image)
