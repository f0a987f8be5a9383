"""Which parts of two images can be compared, and the grey values of one on the scale of the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, morphological_gradient, white_tophat

from cxrreport.imaging.orientation import Mask, Picture, Pixels, blur

_AIR = 25  # grey levels; darker than this, blurred, is not body
_FLAT = 2  # grey levels within 5 x 5 pixels that JPEG leaves in an even background
_BRIGHT = 128
_LETTER = (240, 90)  # a letter is at least this bright, and brighter than its surroundings by this
Curve = npt.NDArray[np.float64]

_LEVELS = np.arange(256, dtype=np.float64)
_QUANTILES = np.linspace(0.005, 0.995, 67)
_ROUNDS = 5
_FAR = 3.7  # median distances from the curve: 2.5 standard deviations of a normal distribution
_NEAR = 6.0  # grey levels; a pixel this close to the curve is never left out
_LEAST_SHARE = 0.02  # of the image, to compare grey values on


def content(pixels: Pixels) -> Mask:
    """Where the image (rows, columns) shows something: not what lies behind its shutters or around its edge.

    That is even, of the value that the rim has there, and reaches from the rim inwards along a row or a column; what is
    bright must fill whole rows or columns, or it is an overexposed shoulder or belly.
    """
    even = _even(pixels)
    outside = np.zeros_like(even)
    for turns in range(4):  # from each side once
        here, level = np.rot90(even, turns), np.rot90(pixels, turns).astype(np.int16)
        border = here & (np.abs(level - level[:1]) <= _FLAT) & ((level < _BRIGHT) | here.all(axis=1, keepdims=True))
        outside |= np.rot90(np.logical_and.accumulate(border, axis=0), -turns)
    return ~outside


def body(pixels: Pixels) -> Mask:
    """Where the image (rows, columns) shows the body: brighter than air, not even, and no letter."""
    blurred = blur(pixels.astype(np.float32), pixels.shape[0] / 51)
    return (blurred > _AIR) & ~_even(pixels) & ~_letters(pixels)


def grey_table(current: Pixels, prior: Pixels, mask: Mask, *, aligned: bool) -> npt.NDArray[np.uint8]:
    """Grey value on the current image for each of the prior's 256; shape of all: (rows, columns).

    One rising curve for the whole image, measured where `mask` holds: machines and windows change grey values alike
    everywhere, lesions do not. It makes the share of pixels below each value the same on both. Where the images are
    aligned, pixels far off the curve are left out and it is drawn again, so that a lesion that came or went keeps its
    contrast. (A least-squares curve through the pairs of values would be too flat: both images have noise.)
    """
    if mask.mean() < _LEAST_SHARE:
        return np.arange(256, dtype=np.uint8)
    if aligned:
        now, before = (blur(pixels.astype(np.float32), pixels.shape[0] / 128)[mask][::3] for pixels in (current, prior))
        curve = _trimmed(now, before)
    else:
        curve = _same_shares(current[mask], prior[mask])
    table: npt.NDArray[np.uint8] = np.round(np.clip(curve, 0, 255)).astype(np.uint8)
    return table


def _even(pixels: Pixels) -> Mask:
    return np.asarray(morphological_gradient(pixels, (5, 5), mode="nearest") <= _FLAT)


def _letters(pixels: Pixels) -> Mask:
    """Small white marks: white, and gone where every pixel takes the darkest value near it (an opening)."""
    size = max(3, pixels.shape[0] // 20 | 1)
    white, above = _LETTER
    marks: Mask = maximum_filter((pixels > white) & (white_tophat(pixels, (size, size), mode="nearest") > above), 5)
    return marks


def _same_shares(now: Pixels | Picture, before: Pixels | Picture) -> Curve:
    """Value (256,) of one sample for each grey level of another one, with as many pixels below it; black stays black."""
    levels, values = np.quantile(before, _QUANTILES), np.quantile(now, _QUANTILES)
    kept = np.concatenate([levels[:1] > 0, np.diff(levels) > 0])
    curve = np.interp(_LEVELS, [0, *levels[kept], 255], [0, *values[kept], 255])
    rising: Curve = np.maximum.accumulate(curve)
    return rising


def _trimmed(now: Picture, before: Picture) -> Curve:
    """The curve of the pairs of grey values (n,) of which most lie near it."""
    kept = np.ones(len(now), bool)
    for _ in range(_ROUNDS):
        curve = _same_shares(now[kept], before[kept])
        off = np.abs(now - np.interp(before, _LEVELS, curve))
        kept = off <= max(_FAR * float(np.median(off)), _NEAR)
    return curve
