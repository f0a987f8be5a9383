"""Whether a prior image lies as the current one does: the same way up, the same polarity, the same view.

Images are compared as small pictures whose brightness and contrast are evened out place by place, so that neither the
machine's grey values nor a white lung decides. No two images of one person lie alike to the pixel: the best of all small
shifts counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from cxrreport.codes import PriorReason

Pixels = npt.NDArray[np.uint8]
Picture = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SMALL = 48
_MOST_SHIFT = 6  # of 48 pixels, an eighth of the image
_FLOOR = 3.0  # grey levels: noise of an even area is not blown up to contrast
_CLIP = 2.5  # a wire or a letter weighs no more than an edge of the lung
# Measured on 666 real pairs of images of one patient, as they are and with the prior turned, inverted or mirrored.
_SURE = 0.5  # an other orientation must fit as well as true pairs do; a lateral image fits in none
_MARGIN = 0.02  # by which it must fit better than the image as it is


@dataclass(frozen=True, slots=True)
class Orientation:
    """Best correlation (-1 to 1) of the current image with the prior upright, mirrored, turned and as a negative.

    `turned` is the best of the six turns by 90, 180 and 270 degrees with and without mirroring; `shift` (x, y) is what
    must be added to a place of the current image to find it in the upright prior, as shares of width and height.
    """

    upright: float
    mirrored: float
    turned: float
    negative: float
    shift: tuple[float, float]

    @property
    def reason(self) -> str:
        """`prior.rotated`, `prior.inverted` or "". A negative that is turned as well fits in no way: another view."""
        if self.turned > max(self.upright + _MARGIN, self.negative, _SURE):
            return PriorReason.ROTATED
        if self.negative > max(self.upright + _MARGIN, _SURE):
            return PriorReason.INVERTED
        return ""


def compare(current: Pixels, prior: Pixels) -> Orientation:
    """Fit of the prior (rows', columns') on the current image (rows, columns) in every orientation."""
    middle = slice(_MOST_SHIFT, -_MOST_SHIFT)
    inner = _unit(picture(current, SMALL, SMALL / 6)[middle, middle])
    other = picture(prior, SMALL, SMALL / 6)
    upright = _correlations(inner, other)
    row, column = divmod(int(upright.argmax()), 2 * _MOST_SHIFT + 1)
    mirrored = np.ascontiguousarray(other[:, ::-1])
    turned = [np.rot90(pixels, turns) for pixels in (other, mirrored) for turns in (1, 2, 3)]
    return Orientation(
        upright=float(upright.max()),
        mirrored=float(_correlations(inner, mirrored).max()),
        turned=max(float(_correlations(inner, pixels).max()) for pixels in turned),
        negative=float(-upright.min()),
        shift=((column - _MOST_SHIFT) / SMALL, (row - _MOST_SHIFT) / SMALL),
    )


def likeness(one: Pixels, other: Pixels, mask: Mask, side: int = SMALL) -> float:
    """Correlation (-1 to 1) of two images on one grid where `mask` holds; 0 where next to nothing is left.

    Shape of all three: (rows, columns). It is taken on evened pictures of (side, side) pixels (`picture`), so it asks for
    the same anatomy at the same place and neither for the same grey values nor for the same lesions.
    """
    inside = shrink(mask, side)
    if inside.mean() < 0.05:
        return 0.0
    first, second = (_unit(picture(pixels, side, side / 6)[inside]) for pixels in (one, other))
    return float(first @ second)


def picture(pixels: Pixels, side: int, reach: float) -> Picture:
    """Shrink an image to (side, side) float32 and even it out: local mean 0, local contrast about 1 within `reach` pixels."""
    small = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX), dtype=np.float32)
    band = blur(small, 1.0) - blur(small, reach)
    even: Picture = np.clip(band / (np.sqrt(blur(band * band, reach)) + _FLOOR), -_CLIP, _CLIP)
    return even


def shrink(mask: Mask, side: int) -> Mask:
    """A mask on (side, side), true where at least 70 % of what lies below it is."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize((side, side), Image.Resampling.BOX)
    return np.asarray(grey) > 0.7 * 255


def blur(picture: Picture, sigma: float) -> Picture:
    """Gaussian blur whose weights at the border are those that lie inside the picture."""
    inside = (gaussian_filter1d(np.ones(length), sigma, mode="constant") for length in picture.shape)
    return np.asarray(gaussian_filter(picture, sigma, mode="constant") / np.outer(*inside), dtype=np.float32)


def _unit(values: Picture) -> Picture:
    centred = values - values.mean()
    unit: Picture = centred / (np.linalg.norm(centred) + 1e-6)
    return unit


def _correlations(inner: Picture, pixels: Picture) -> npt.NDArray[np.float32]:
    """Correlation of the inner part with every part of the image of the same size, row by row."""
    parts = np.lib.stride_tricks.sliding_window_view(pixels, inner.shape).reshape(-1, inner.size)
    spread = parts.std(axis=1) * np.sqrt(np.float32(inner.size))
    found: npt.NDArray[np.float32] = (parts @ inner.ravel()) / (spread + 1e-6)
    return found
