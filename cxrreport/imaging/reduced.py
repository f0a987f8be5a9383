"""JPEG 2000 decoded at a fraction of its size, for whom that is enough: the low-pass band of its wavelets (T.800 annex F).

A film of 2,500 x 2,048 pixels is brought to 256 x 256 in the end; most of the work of decoding it goes into detail that
no one sees there.
"""

from __future__ import annotations

import io
import math
from typing import Any

import imagecodecs
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


def decode_reduced(kind: str, stream: bytes, declared: Declared, factor: int) -> npt.NDArray[Any] | None:
    """Cells of the codestream (j2k, htj2k) at 1/factor of its sides, two's complement; None where it has no such band.

    What the decoders raise is not caught.
    """
    cells = _high_throughput(stream, factor) if kind == "htj2k" else _plain(stream, declared, factor)
    return cells if cells.shape == shape_of(declared.shape, factor) else None


def _high_throughput(stream: bytes, factor: int) -> npt.NDArray[Any]:
    cells: npt.NDArray[Any] = imagecodecs.htj2k_decode(stream, skipres=factor.bit_length() - 1)
    return cells


def _plain(stream: bytes, declared: Declared, factor: int) -> npt.NDArray[Any]:
    """imagecodecs' own decoder has no such choice; Pillow's has, and fills the cells from the highest bit."""
    with Image.open(io.BytesIO(stream), formats=["JPEG2000"]) as image:
        image.reduce = factor.bit_length() - 1  # type: ignore[method-assign, assignment]
        rows, columns = shape_of(declared.shape, factor)
        image._size = columns * factor, rows * factor  # Pillow would round where the standard rounds up
        filled = np.asarray(image)
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
