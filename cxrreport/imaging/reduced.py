"""JPEG 2000 decoded at a fraction of its size, for whom that is enough: the low-pass band of its wavelets (T.800 annex F).

A film of 2,500 x 2,048 pixels is brought to 256 x 256 in the end; most of the work of decoding it goes into detail that
no one sees there. (High-throughput JPEG 2000 is fast as it is, and its decoder lets values of the band run over.)
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrreport.imaging.codestream import Declared

_MAX_FACTOR = 16


def factor_for(shape: tuple[int, int], least: int) -> int:
    """Largest power of two by which both sides can be divided and stay at least `least` pixels; 1 where none can."""
    halvings = int(math.log2(max(min(shape) / least, 1)))
    return min(1 << halvings, _MAX_FACTOR)


def shape_of(shape: tuple[int, int], factor: int) -> tuple[int, int]:
    """Rows and columns of the band (T.800 B.5), of an image whose grid begins at its origin."""
    return -(-shape[0] // factor), -(-shape[1] // factor)


def decode_reduced(stream: bytes, declared: Declared, factor: int) -> npt.NDArray[Any] | None:
    """Cells of the codestream at 1/factor of its sides, two's complement; None where it has no such band.

    imagecodecs' decoder has no such choice; Pillow's has, fills cells from the highest bit, and raises nearly anything.
    """
    rows, columns = shape_of(declared.shape, factor)
    with Image.open(io.BytesIO(stream), formats=["JPEG2000"]) as image:
        image.reduce = factor.bit_length() - 1  # type: ignore[method-assign, assignment]
        image._size = columns * factor, rows * factor  # Pillow would round where the standard rounds up
        filled = np.asarray(image)
    if filled.shape != (rows, columns):
        return None
    cells = filled >> (8 * filled.dtype.itemsize - declared.bits)
    return cells ^ cells.dtype.type(1 << (declared.bits - 1)) if declared.signed else cells


def centred(values: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    """Values of a band (rows, columns), moved to the middle of the pixels that they stand for.

    A value of the band stands at the first of the `factor` pixels of a side; the mean of these lies half of them further.
    """
    share = np.float32((factor - 1) / (2 * factor))
    for axis in (0, 1):
        following = np.concatenate([np.delete(values, 0, axis), np.take(values, [-1], axis)], axis)
        values = values + share * (following - values)
    return values
