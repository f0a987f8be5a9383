"""The search for the transform that brings a prior image onto the current one, and images on another grid; all of SimpleITK.

An affine transform by mutual information (Mattes et al. 2003, doi:10.1109/TMI.2003.809072), inside the body of the
current image, on pictures whose brightness is evened out place by place: from the plain grey values one real pair in four
went astray. They settle the last pixel. Every step is done by one thread from a fixed seed: the same images give the same
transform.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import SimpleITK

from cxrreport.imaging.match import body, content
from cxrreport.imaging.orientation import SMALL, Mask, Pixels, likeness, picture, shrink

sitk: Any = SimpleITK  # its wrapper has no types
Transform = Any

SIDE = 256  # the images are searched at this size; it is the unit of length: an image is 256 wide and 256 high
_SEARCH = 128  # side of the pictures that are searched
_REACH = 16.0  # of their pixels: an eighth of the image is evened out
_SEED = 7
_WORTH = 0.5  # a likeness below this is not worth the last pixel
_ENOUGH = 0.7  # a likeness below this is worth another start; few real pairs lie below
# Wide: images of other formats are stretched to one square, and patients lie askew. Good matches among real pairs reached
# 1.7 in stretch and 15 degrees; what is wrong is told by the likeness.
_SCALE = (0.6, 1.65)  # along the most shrunk and most stretched direction
_STRETCH = 1.8  # between the two
_TURN_DEGREES = 20.0
_MOVE = 0.25 * SIDE  # of the centre
_KNOTS = 4  # cells of the elastic grid along a side
_BEND = SIDE / 32  # most displacement of a knot: an eighth of a cell
_GAIN = 0.2  # share of what is unlike in detail that bending must take away


class _Images(NamedTuple):
    """What one search looks at: both pictures, and where the current one is looked at."""

    current: Any
    prior: Any
    mask: Any


class PixelPair:
    """Both images of side 256, and what every search on them needs."""

    def __init__(self, current: Pixels, prior: Pixels) -> None:
        self.current, self.prior = current, prior
        self.body = body(current)
        self.shown = content(prior)
        self.content = self.shown & body(prior)
        evened = [as_image(picture(pixels, _SEARCH, _REACH)) for pixels in (current, prior)]
        plain = [as_image(pixels.astype(np.float32)) for pixels in (current, prior)]
        self.evened = _Images(evened[0], evened[1], as_image(shrink(self.body, _SEARCH).astype(np.uint8)))
        self.plain = _Images(plain[0], plain[1], as_image(self.body.astype(np.uint8)))

    def quality(self, transform: Transform, side: int = SMALL) -> float:
        """Likeness of the images where both show the body."""
        return likeness(self.current, self.moved(transform), self._common(transform), side)

    def moved(self, transform: Transform) -> Pixels:
        """The prior on the current grid."""
        return warp(self.prior, transform, self.current.shape)

    def overlap(self, transform: Transform) -> float:
        """Share of the current body that the prior shows too."""
        return float(self._common(transform).sum() / max(1, self.body.sum()))

    def _common(self, transform: Transform) -> Mask:
        return self.body & warp_mask(self.content, transform, self.current.shape)


def search(pair: PixelPair, shift: tuple[float, float]) -> tuple[Transform, float]:
    """Best affine transform and its quality: from the shift (x, y) in 256ths of the image, and from where the prior lies.

    What `is_plausible` refuses is returned only where there is nothing else.
    """
    found: list[tuple[bool, float, Transform]] = []
    for start, step in ((shift, 4.0), ((0.0, 0.0), 2.0), (shift, 1.0)):
        transform = _optimise(pair, start, step)
        found.append((is_plausible(transform), pair.quality(transform), transform))
        if found[-1][0] and found[-1][1] >= _ENOUGH:
            break
    _, quality, best = max(found, key=lambda one: one[:2])
    if quality < _WORTH:
        return best, quality
    best = _refine(pair, best)
    return best, pair.quality(best)


def _optimise(pair: PixelPair, shift: tuple[float, float], step: float) -> Transform:
    """Climb from a shift: first position, angle and size, then the whole affine transform. `step` is the longest one."""
    similar = sitk.Similarity2DTransform()
    similar.SetCenter(affine(shift).GetCenter())
    similar.SetTranslation(shift)
    _climb(pair.evened, similar, step, [(2, 1.5)], share=1.0)
    full = affine(similar.GetTranslation())
    full.SetMatrix(similar.GetMatrix())
    _climb(pair.evened, full, step / 2, [(2, 1.0), (1, 0.5)], share=0.5)
    return full


def _refine(pair: PixelPair, transform: Transform) -> Transform:
    """Settle the last pixel on the plain grey values, which only lead astray from afar; keep it if the images agree as well."""
    refined = sitk.AffineTransform(transform)
    _climb(pair.plain, refined, 1.0, [(1, 0.0)], share=0.12, least=0.05)
    return refined if pair.quality(refined, _SEARCH) >= pair.quality(transform, _SEARCH) else transform


def _climb(
    images: _Images,
    transform: Transform,
    step: float,
    levels: Iterable[tuple[int, float]],
    share: float,
    least: float = 0.02,
) -> None:
    """Change the transform in place, by steps from `step` down to `least`; `levels` are shrink factor and blur in pixels,
    `share` that of pixels looked at.
    """
    method = _method(share, levels)
    method.SetOptimizerAsRegularStepGradientDescent(step, least, 100, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    _execute(method, images)


def _method(share: float, levels: Iterable[tuple[int, float]]) -> Any:
    factors, blurs = zip(*levels, strict=True)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # the child processes are the parallelism; one thread always sums in the same order
    method.SetMetricAsMattesMutualInformation(24)
    method.SetMetricSamplingStrategy(method.RANDOM if share < 1 else method.NONE)
    method.SetMetricSamplingPercentage(share, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(factors)
    method.SetSmoothingSigmasPerLevel(blurs)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    return method


def _execute(method: Any, images: _Images) -> None:
    method.SetMetricFixedMask(images.mask)
    try:
        method.Execute(images.current, images.prior)
    except RuntimeError:  # the images slid apart; the quality of where it stopped tells
        return


def bend(pair: PixelPair, stiff: Transform, quality: float) -> tuple[Transform, float]:
    """Let the prior bend by cubic B-splines where that helps in detail.

    Nothing can fold: knots move by an eighth of their distance at most, and up to 0.48 is safe (Choi and Lee 2000,
    "Injectivity conditions of 2D and 3D uniform cubic B-spline functions").
    """
    spline = sitk.BSplineTransformInitializer(pair.evened.current, [_KNOTS, _KNOTS], order=3)
    method = _method(1.0, [(2, 0.5)])
    method.SetOptimizerAsLBFGSB(1e-5, 30, 5, 40, 1e7, -_BEND, _BEND)
    method.SetMovingInitialTransform(stiff)
    method.SetInitialTransform(spline, inPlace=True)
    _execute(method, pair.evened)
    both = sitk.CompositeTransform([stiff, spline])
    if 1 - pair.quality(both, _SEARCH) > (1 - _GAIN) * (1 - pair.quality(stiff, _SEARCH)):
        return stiff, quality
    return both, pair.quality(both)


def is_plausible(transform: Transform) -> bool:
    """Two images of one person differ by position, angle and a little size: no mirror, no shear, no far move."""
    matrix = np.reshape(transform.GetMatrix(), (2, 2))
    most, least = np.linalg.svd(matrix, compute_uv=False)
    turn = math.degrees(math.atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))
    return bool(
        np.linalg.det(matrix) > 0
        and _SCALE[0] <= least <= most <= min(_SCALE[1], _STRETCH * least)
        and abs(turn) <= _TURN_DEGREES
        and math.hypot(*transform.GetTranslation()) <= _MOVE
    )


def mean_move(transform: Transform) -> float:
    """How far the transform moves the places of the image, on average."""
    places = [(x, y) for x in range(32, SIDE, 64) for y in range(32, SIDE, 64)]
    return float(np.mean([math.dist(place, transform.TransformPoint(place)) for place in places]))


def affine(shift: tuple[float, float] = (0.0, 0.0)) -> Transform:
    """An affine transform about the image's centre that does no more than shift; without a shift, nothing."""
    transform = sitk.AffineTransform(2)
    transform.SetCenter((SIDE / 2, SIDE / 2))
    transform.SetTranslation(shift)
    return transform


def as_image(values: npt.NDArray[np.generic]) -> Any:
    """A picture of any size as an image that spans 256 x 256."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values))
    spacing = [SIDE / length for length in image.GetSize()]
    image.SetSpacing(spacing)
    image.SetOrigin([step / 2 for step in spacing])
    return image


def warp(pixels: Pixels, transform: Transform, shape: tuple[int, ...], interpolator: int | None = None) -> Pixels:
    """The image on a grid of another shape; black where it does not reach."""
    grid = as_image(np.zeros(shape, np.uint8))
    resample = sitk.ResampleImageFilter()
    resample.SetNumberOfThreads(1)
    resample.SetReferenceImage(grid)
    resample.SetTransform(transform)
    resample.SetInterpolator(sitk.sitkLinear if interpolator is None else interpolator)
    warped: Pixels = sitk.GetArrayFromImage(resample.Execute(as_image(pixels)))
    return warped


def warp_mask(mask: Mask, transform: Transform, shape: tuple[int, ...]) -> Mask:
    """`warp` of a mask (rows, columns); false where it does not reach."""
    return warp(mask.astype(np.uint8), transform, shape, sitk.sitkNearestNeighbor) > 0
