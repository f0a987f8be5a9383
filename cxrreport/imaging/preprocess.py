"""Display values of any image -> the 256 x 256 grey image that the network sees.

The same rule serves a hospital's DICOM and published 8-bit images, so it must undo what differs between them: size,
bit depth, window, brightness and contrast. Applied to its own result it changes next to nothing.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from cxrreport.errors import PixelError
from cxrreport.records import SIDE

PREPROCESS_VERSION = 1
ENOUGH = 2 * SIDE  # pixels a side from which the square comes out as from more
REGISTER_VERSION = 4  # of `register`, which nobody should have to import to know it

_MID_GREY = 0.65  # about the median body of published images: most need little correction
_GAMMA_RANGE = (0.5, 2.5)  # a smaller exponent would show the noise of dark areas
_PERCENTILES = (0.5, 99.5)  # burnt-in letters and dead pixels lie outside
_AIR = 0.1  # darker than this, after the stretch, is not body
_FLAT_BORDER = 0.02  # how far a border may stray from its outermost line, as a share of the whole range
_MIN_CONTRAST = 1e-6


def preprocess(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Resize the whole image to a square and stretch its grey values.

    The aspect is not kept: no lung base is lost and the square is filled. White and mid grey are measured inside the
    constant borders that collimation and padding leave; black is that of the whole square, whose borders are air.

    Parameters
    ----------
    values : float32, shape (rows, columns), finite; larger is brighter. Any positive affine change of the values
        gives the same result.

    Returns
    -------
    uint8, shape (256, 256), 0 = air.

    Raises
    ------
    PixelError : `pixels.blank` when the image shows nothing.
    """
    small = _resize(values)
    low, top = np.percentile(small, _PERCENTILES)
    pixels = _without_border(small, _FLAT_BORDER * float(top - low))
    high = np.percentile(pixels, _PERCENTILES[1])
    if high - low <= _MIN_CONTRAST * max(abs(low), abs(high)):
        raise PixelError("The image is blank.", code="pixels.blank")
    gamma = _gamma(np.clip((pixels - low) / (high - low), 0, 1))
    stretched = np.clip((small - low) / (high - low), 0, 1)
    grey: npt.NDArray[np.uint8] = np.round(255 * stretched**gamma).astype(np.uint8)
    return grey


def _resize(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Area-average to the square; HAMMING never overshoots, so burnt-in letters leave no ringing."""
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.HAMMING, reducing_gap=3.0))


def _without_border(small: npt.NDArray[np.float32], flat: float) -> npt.NDArray[np.float32]:
    """Cut the lines off each side that are within `flat` of the outermost; the whole image where nothing is left."""
    for _ in range(4):
        differs = np.abs(small - np.median(small[0])).max(axis=1) > flat
        small = np.rot90(small[np.argmax(differs) :])  # argmax is the first line that differs, or 0
    return small


def _gamma(pixels: npt.NDArray[np.float32]) -> float:
    """Exponent that brings the median of the body to mid grey, within bounds.

    Body is what is brighter than air *after* the correction, so that a corrected image needs none: a few rounds settle.
    """
    ordered = np.sort(pixels, axis=None)
    gamma = 1.0
    for _ in range(8):
        body = ordered[np.searchsorted(ordered, _AIR ** (1 / gamma)) :]
        median = float(np.median(body)) if len(body) else 1.0
        if not 0 < median < 1:
            return 1.0
        gamma = min(max(math.log(_MID_GREY) / math.log(median), _GAMMA_RANGE[0]), _GAMMA_RANGE[1])
    return gamma
