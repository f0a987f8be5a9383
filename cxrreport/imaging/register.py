"""Prior image -> the grid and the grey values of the current one, or why that cannot be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cxrreport.codes import PriorReason
from cxrreport.imaging.align import (
    SIDE,
    PixelPair,
    Transform,
    affine,
    bend,
    is_plausible,
    mean_move,
    search,
    warp,
    warp_mask,
)
from cxrreport.imaging.match import grey_table
from cxrreport.imaging.orientation import Mask, Orientation, Pixels, compare

# Chosen on 666 real pairs of images of one patient, beside lateral images.
_OTHER_VIEW = 0.5  # mean of the likeness as the images lie and after registration
_POOR = 0.55  # likeness after registration
_MIRRORED = 0.04  # a mirrored prior must fit better by this, as the images lie and after registration
_SURE = 0.7  # so alike after registration, an image is the right way up whatever it seemed
_OVERLAP = 0.55  # of the current body that the prior must show
_STILL, _ALIKE = 0.5, 0.005  # so small a move on average, for so little likeness: the images lie alike as they are


@dataclass(frozen=True, slots=True)
class Registration:
    """A prior image beside the current one.

    pixels : uint8 of the current image's shape: the prior on the current grid, its grey values matched; where `reason`
        is set, the prior stretched to the current shape, its grey values matched as well as can be.
    inside : bool of the same shape, where the prior shows something on this grid; elsewhere nothing can be compared.
    quality : 0 to 1, correlation of the current image with `pixels` inside the body after local brightness and contrast
        were evened out (`orientation.likeness`, negative values count as 0). Real pairs lie about 0.85.
    reason : "" registered; "registration.poor" the prior goes unregistered; "prior.rotated", "prior.mirrored",
        "prior.inverted", "prior.other_view" it is no image to compare with at all.
    """

    pixels: Pixels
    inside: Mask
    quality: float
    reason: str

    @property
    def registered(self) -> bool:
        """The prior lies on the current image's grid."""
        return self.reason == ""

    @property
    def usable(self) -> bool:
        """The prior is an image of the same view, the same way up; it may be unregistered."""
        return not self.reason.startswith("prior.")


def register(current: Pixels, prior: Pixels, *, elastic: bool = False) -> Registration:
    """Bring a prior image (rows', columns') onto the current one (rows, columns), both uint8, after `preprocess`.

    `elastic` lets the prior bend on a coarse grid after the affine transform, by at most 1/32 of the image, where that
    makes the images clearly more alike; it takes up breathing and posture, and a little of what changed.

    Raises
    ------
    ValueError : an image is not a uint8 picture of at least 32 x 32 pixels.
    """
    for pixels in (current, prior):
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or min(pixels.shape) < 32:
            raise ValueError("a film is uint8 of at least 32 x 32 pixels")
    pair = PixelPair(_shrink(current), _shrink(prior))
    transform, quality, reason = decide(pair)
    if elastic and not reason:
        transform, quality = bend(pair, transform, quality)
    inside = warp_mask(pair.shown, transform, current.shape)
    pixels = _table(pair, transform, aligned=not reason)[warp(prior, transform, current.shape)]
    if not reason:
        pixels[~inside] = 0
    return Registration(pixels, inside, quality, reason)


def decide(pair: PixelPair) -> tuple[Transform, float, str]:
    """Transform, quality and reason as `Registration` has them; no move where there is a reason."""
    nothing, fit = affine(), compare(pair.current, pair.prior)
    transform, quality = search(pair, (fit.shift[0] * SIDE, fit.shift[1] * SIDE))
    reason = _refusal(pair, fit, transform, quality)
    as_it_lies = max(0.0, pair.quality(nothing))
    if reason or (mean_move(transform) < _STILL and as_it_lies >= quality - _ALIKE):
        return nothing, as_it_lies, reason
    return transform, quality, ""


def _refusal(pair: PixelPair, fit: Orientation, transform: Transform, quality: float) -> str:
    """Why the best transform that was found is not to be used; "" where it is."""
    if fit.reason and quality < _SURE:
        return fit.reason
    if (fit.upright + quality) / 2 < _OTHER_VIEW:
        return PriorReason.OTHER_VIEW
    if fit.mirrored > fit.upright + _MIRRORED and _is_mirrored(pair, quality):
        return PriorReason.MIRRORED
    if quality < _POOR or not is_plausible(transform) or pair.overlap(transform) < _OVERLAP:
        return "registration.poor"
    return ""


def _is_mirrored(pair: PixelPair, quality: float) -> bool:
    """Whether the mirrored prior comes clearly closer; true pairs of a patient with a centred heart are a tie."""
    turned = PixelPair(pair.current, np.ascontiguousarray(pair.prior[:, ::-1]))
    fit = compare(turned.current, turned.prior)
    return search(turned, (fit.shift[0] * SIDE, fit.shift[1] * SIDE))[1] > quality + _MIRRORED


def _table(pair: PixelPair, transform: Transform, *, aligned: bool) -> Pixels:
    """Grey values (256,) of the prior on the current image; a small image tells as much of them as a large one."""
    common = pair.body & warp_mask(pair.shown, transform, pair.current.shape)
    return grey_table(pair.current, pair.moved(transform), common, aligned=aligned)


def _shrink(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX))
