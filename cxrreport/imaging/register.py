"""Prior film -> the grid and the grey values of the current one, or why that cannot be trusted.

An affine transform by mutual information (Mattes et al. 2003, doi:10.1109/TMI.2003.809072), inside the body of the
current film, on pictures whose brightness is evened out place by place: with the plain grey values one pair in four went
astray. Every step is done by one thread from fixed seeds: the same films give the same result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK
from PIL import Image

from .match import body, content, match_greys
from .orientation import SMALL, Film, Fit, Mask, compare, likeness, picture, shrink

sitk: Any = SimpleITK  # its wrapper has no types
Transform = Any

_SIDE = 256  # the films are searched at this size; it is the unit of length: a film is 256 wide and 256 high
_SEARCH = 128  # side of the pictures that are searched
_REACH = 16.0  # of their pixels: an eighth of the film is evened out
_SEED = 7
# What follows was chosen on 706 real pairs of one patient, beside lateral films and films of other parts.
_OTHER_VIEW = 0.5  # mean of the likeness as the films lie and after registration; real pairs hardly ever go below
_POOR = 0.55  # likeness after registration
_MIRRORED = 0.04  # a mirrored prior must fit better by this, as the films lie and after registration
_SURE = 0.7  # so alike after registration, a film is the right way up whatever it seemed; below, another start may help
_SCALE = (0.7, 1.4)  # along the most shrunk and most stretched direction
_STRETCH = 1.35  # between the two
_TURN_DEGREES = 15.0
_MOVE = 0.25 * _SIDE  # of the centre
_OVERLAP = 0.55  # of the current body that the prior must show
_STILL, _ALIKE = 1.5, 0.01  # so little a move on average, for so little likeness: the films lie alike as they are
_KNOTS = 4  # cells of the elastic grid along a side
_BEND = _SIDE / 32  # most displacement of a knot: an eighth of a cell
_GAIN = 0.015  # of likeness in detail that bending must bring


@dataclass(frozen=True, slots=True)
class Registration:
    """A prior film beside the current one.

    Parameters
    ----------
    pixels : uint8 of the current film's shape: the prior on the current grid, its grey values matched; where `reason`
        is set, the prior stretched to the current shape, its grey values matched as well as can be.
    inside : bool of the same shape, where the prior shows something on this grid; elsewhere nothing can be compared.
    quality : 0 to 1, correlation of the current film with `pixels` inside the body after local brightness and contrast
        were evened out (`orientation.likeness`, negative values count as 0). Real pairs lie about 0.85.
    reason : "" registered; "registration.poor" the prior goes unregistered; "prior.rotated", "prior.mirrored",
        "prior.inverted", "prior.other_view" it is no image to compare with at all.
    """

    pixels: Film
    inside: Mask
    quality: float
    reason: str

    @property
    def registered(self) -> bool:
        """The prior lies on the current film's grid."""
        return self.reason == ""

    @property
    def usable(self) -> bool:
        """The prior is a film of the same view, the same way up; it may be unregistered."""
        return not self.reason.startswith("prior.")


def register(current: Film, prior: Film, *, elastic: bool = False) -> Registration:
    """Bring a prior film (rows', columns') onto the current one (rows, columns), both uint8, after `preprocess`.

    `elastic` lets the prior bend on a coarse grid after the affine transform, by at most 1/32 of the film, where that
    makes the films clearly more alike; it takes up breathing and posture, and a little of what changed.

    Raises
    ------
    ValueError : a film is not a uint8 picture of at least 32 x 32 pixels.
    """
    for film in (current, prior):
        if film.dtype != np.uint8 or film.ndim != 2 or min(film.shape) < 32:
            raise ValueError("a film is uint8 of at least 32 x 32 pixels")
    pair = _Pair(_resize(current, (_SIDE, _SIDE)), _resize(prior, (_SIDE, _SIDE)))
    transform, quality, reason = _decide(pair)
    if elastic and not reason:
        transform, quality = _bend(pair, transform, quality)
    return _result(current, prior, transform, quality, reason)


class _Pair:
    """Both films of side 256, and what every search on them needs."""

    def __init__(self, current: Film, prior: Film) -> None:
        self.current, self.prior = current, prior
        self.body = body(current)
        self.content = content(prior) & body(prior)
        self.fixed, self.moving = (_image(picture(film, _SEARCH, _REACH)) for film in (current, prior))
        self.mask = _image(shrink(self.body, _SEARCH).astype(np.uint8))

    def quality(self, transform: Transform, side: int = SMALL) -> float:
        """Likeness of the films where both show the body."""
        moved = _warp(self.prior, transform, self.current.shape)
        return likeness(self.current, moved, self._common(transform), side)

    def overlap(self, transform: Transform) -> float:
        """Share of the current body that the prior shows too."""
        return float(self._common(transform).sum() / max(1, self.body.sum()))

    def _common(self, transform: Transform) -> Mask:
        return self.body & _warp_mask(self.content, transform, self.current.shape)


def _decide(pair: _Pair) -> tuple[Transform, float, str]:
    """Best transform, its quality and why it is not to be used ("" where it is)."""
    nothing = _affine((0.0, 0.0))
    fit = compare(pair.current, pair.prior)
    transform, quality = _search(pair, fit)
    reason = _refusal(pair, fit, transform, quality)
    as_it_lies = max(0.0, pair.quality(nothing))
    if reason:
        return nothing, as_it_lies, reason
    if _mean_move(transform) < _STILL and as_it_lies >= quality - _ALIKE:
        return nothing, as_it_lies, ""
    return transform, quality, ""


def _refusal(pair: _Pair, fit: Fit, transform: Transform, quality: float) -> str:
    """Why the best transform that was found is not to be used; "" where it is."""
    if fit.reason and quality < _SURE:
        return fit.reason
    if fit.mirrored > fit.upright + _MIRRORED and _is_mirrored(pair, quality):
        return "prior.mirrored"
    if (fit.upright + quality) / 2 < _OTHER_VIEW:
        return "prior.other_view"
    if quality < _POOR or not _is_plausible(transform) or pair.overlap(transform) < _OVERLAP:
        return "registration.poor"
    return ""


def _is_mirrored(pair: _Pair, quality: float) -> bool:
    turned = _Pair(pair.current, np.ascontiguousarray(pair.prior[:, ::-1]))
    return _search(turned, compare(turned.current, turned.prior))[1] > quality + _MIRRORED


def _search(pair: _Pair, fit: Fit) -> tuple[Transform, float]:
    """Best affine transform of up to three starts: from the shift that fits best, and from where the prior lies."""
    shift = (fit.shift[0] * _SIDE, fit.shift[1] * _SIDE)
    best, quality = _affine(shift), -1.0
    for start, step in ((shift, 4.0), ((0.0, 0.0), 2.0), (shift, 1.0)):
        found = _optimise(pair, start, step)
        if (likeness_now := pair.quality(found)) > quality and _is_plausible(found):
            best, quality = found, likeness_now
        if quality >= _SURE:
            break
    return best, quality


def _optimise(pair: _Pair, shift: tuple[float, float], step: float) -> Transform:
    """Climb from a shift: first position, angle and size, then the whole affine transform. `step` is the longest one."""
    similar = sitk.Similarity2DTransform()
    similar.SetCenter(_affine(shift).GetCenter())
    similar.SetTranslation(shift)
    _climb(pair, similar, step, [(2, 1.5)], share=1.0)
    affine = _affine(similar.GetTranslation())
    affine.SetMatrix(similar.GetMatrix())
    _climb(pair, affine, step / 2, [(2, 1.0), (1, 0.5)], share=0.5)
    return affine


def _climb(pair: _Pair, transform: Transform, step: float, levels: Iterable[tuple[int, float]], share: float) -> None:
    """Change the transform in place; `levels` are shrink factor and blur in pixels, `share` that of pixels looked at."""
    method = _method(share, levels)
    method.SetOptimizerAsRegularStepGradientDescent(step, 0.02, 100, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    _execute(method, pair)


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


def _execute(method: Any, pair: _Pair) -> None:
    method.SetMetricFixedMask(pair.mask)
    try:
        method.Execute(pair.fixed, pair.moving)
    except RuntimeError:  # the films slid apart; the quality of where it stopped tells
        return


def _bend(pair: _Pair, affine: Transform, quality: float) -> tuple[Transform, float]:
    """Let the prior bend by cubic B-splines where that helps in detail.

    Nothing can fold: knots move by an eighth of their distance at most, and up to 0.48 is safe (Choi and Lee 2000,
    "Injectivity conditions of 2D and 3D uniform cubic B-spline functions").
    """
    spline = sitk.BSplineTransformInitializer(pair.fixed, [_KNOTS, _KNOTS], order=3)
    method = _method(1.0, [(2, 0.5)])
    method.SetOptimizerAsLBFGSB(1e-5, 30, 5, 40, 1e7, -_BEND, _BEND)
    method.SetMovingInitialTransform(affine)
    method.SetInitialTransform(spline, inPlace=True)
    _execute(method, pair)
    both = sitk.CompositeTransform([affine, spline])
    if pair.quality(both, _SEARCH) < pair.quality(affine, _SEARCH) + _GAIN:
        return affine, quality
    return both, pair.quality(both)


def _is_plausible(transform: Transform) -> bool:
    """Two films of one person differ by position, angle and a little size: no mirror, no shear, no far move."""
    matrix = np.reshape(transform.GetMatrix(), (2, 2))
    most, least = np.linalg.svd(matrix, compute_uv=False)
    turn = math.degrees(math.atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))
    return bool(
        np.linalg.det(matrix) > 0
        and _SCALE[0] <= least <= most <= min(_SCALE[1], _STRETCH * least)
        and abs(turn) <= _TURN_DEGREES
        and math.hypot(*transform.GetTranslation()) <= _MOVE
    )


def _mean_move(transform: Transform) -> float:
    """How far the transform moves the places of the film, on average."""
    places = [(x, y) for x in range(32, _SIDE, 64) for y in range(32, _SIDE, 64)]
    return float(np.mean([math.dist(place, transform.TransformPoint(place)) for place in places]))


def _result(current: Film, prior: Film, transform: Transform, quality: float, reason: str) -> Registration:
    moved = _warp(prior, transform, current.shape)
    inside = _warp_mask(content(prior), transform, current.shape)
    common = inside & body(current) & (moved > 0)
    pixels = match_greys(current, moved, common, aligned=not reason)
    return Registration(np.where(inside, pixels, 0).astype(np.uint8) if not reason else pixels, inside, quality, reason)


def _resize(film: Film, shape: tuple[int, ...]) -> Film:
    if film.shape == shape:
        return film
    return np.asarray(Image.fromarray(film).resize((shape[1], shape[0]), Image.Resampling.BOX))


def _affine(shift: tuple[float, float]) -> Transform:
    affine = sitk.AffineTransform(2)
    affine.SetCenter((_SIDE / 2, _SIDE / 2))
    affine.SetTranslation(shift)
    return affine


def _image(values: npt.NDArray[np.generic]) -> Any:
    """A picture of any size as an image that spans 256 x 256."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values))
    spacing = [_SIDE / length for length in image.GetSize()]
    image.SetSpacing(spacing)
    image.SetOrigin([step / 2 for step in spacing])
    return image


def _warp(film: Film, transform: Transform, shape: tuple[int, ...], interpolator: int | None = None) -> Film:
    """The film on a grid of another shape; black where it does not reach."""
    grid = _image(np.zeros(shape, np.uint8))
    resample = sitk.ResampleImageFilter()
    resample.SetNumberOfThreads(1)
    resample.SetReferenceImage(grid)
    resample.SetTransform(transform)
    resample.SetInterpolator(sitk.sitkLinear if interpolator is None else interpolator)
    warped: Film = sitk.GetArrayFromImage(resample.Execute(_image(film)))
    return warped


def _warp_mask(mask: Mask, transform: Transform, shape: tuple[int, ...]) -> Mask:
    return _warp(mask.astype(np.uint8), transform, shape, sitk.sitkNearestNeighbor) > 0
