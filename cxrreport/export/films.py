"""The images of a draft as arrays to look at: upright, the prior on the grid of the current one, and their difference."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cxrreport.codes import Flag
from cxrreport.drafting.regions import as_stored
from cxrreport.drafts import Region
from cxrreport.errors import InputError, UsageError
from cxrreport.export.panels import SIDE, Grey, colour_difference, resize, shrink
from cxrreport.export.study import StudyView
from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.register import Registration, register
from cxrreport.records import Image
from cxrreport.store.views import DraftFacts


@dataclass(frozen=True, slots=True)
class Pictures:
    """What there is to look at of one draft.

    Attributes
    ----------
    current : uint8 (H, W), the longest side at most the one asked for.
    prior : uint8, on the grid of `current` where it could be registered, else as it is; None without a prior.
    difference : uint8 (H, W, 3); None without a registered prior.
    regions : those of the draft, in pixels of `current`; no number is rounded to less than one pixel.
    scale : pixels of `current` for one of the upright image, down and across.
    """

    current: Grey
    prior: Grey | None
    difference: Grey | None
    regions: tuple[Region, ...]
    scale: tuple[float, float]


def load_pictures(view: StudyView, max_pixels: int, side: int = SIDE) -> Pictures:
    """Read the films of a draft and lay them over each other.

    Raises
    ------
    UsageError : there is no draft. PixelError.
    InputError : an image is gone or has changed since, the archive would make the draft from others by now, or the
    pictures are withheld (`film.withheld`).
    """
    draft = view.held.draft
    if draft is None:
        raise UsageError("There is no draft of this study, so there is nothing to draw.", "draft.none")
    if view.films.withheld:
        raise InputError("Pictures are left out of this export: names may be burnt into films.", "film.withheld")
    image = current_film(view)
    before = view.films.prior
    prior = _load(before, max_pixels, _mended(draft, "prior_lie"), side) if before else None
    current = _load(image, max_pixels, _mended(draft, "lie"), side)
    regions, scale = _placed(draft, image, current.shape)
    if prior is None:
        return Pictures(current, None, None, regions, scale)
    laid = lay_over(current, prior)
    if Flag.PRIOR_UNREGISTERED in draft.flags or not laid.registered:
        return Pictures(current, prior, None, regions, scale)
    difference = colour_difference(current, laid.pixels, laid.inside)
    return Pictures(current, laid.pixels, difference, regions, scale)


def current_film(view: StudyView) -> Image:
    """Return the frontal image that the draft was made from.

    Raises
    ------
    InputError : the archive would make the draft from others by now (`draft.stale`).
    """
    if view.films.current is None:
        raise InputError(
            "The films of this study or of its prior have changed since the draft was made: run generate first.",
            "draft.stale",
        )
    return view.films.current


def lay_over(current: Grey, prior: Grey) -> Registration:
    """Lay the prior over the current image; as for the network, both are of one shape before."""
    return register(current, resize(prior, *current.shape))


def _mended(draft: DraftFacts, name: str) -> tuple[int, bool]:
    """Quarter turns that are taken back, and whether a negative is inverted, before an image is looked at."""
    mended = draft.provenance.decoding.get(name, {})
    return mended.get("turned", 0) // 90, mended.get("inverted", False)


def _load(image: Image, max_pixels: int, mended: tuple[int, bool], side: int) -> npt.NDArray[np.uint8]:
    """Read the image that the draft was made from, no other one under its name, and put it upright as the draft says."""
    hold_to_draft(image)
    frame = read_frame(image.path, max_pixels)
    if image.pixel_sha256 not in (None, frame.pixel_sha256):
        raise _changed()
    turns, inverted = mended
    return shrink(np.rot90(-frame.values if inverted else frame.values, -turns), side)


def hold_to_draft(image: Image) -> None:
    """Refuse a file that is away (`film.away`) or, by its size, another one than the draft was made from.

    Raises
    ------
    InputError
    """
    try:
        size = os.stat(image.path).st_size
    except OSError:
        raise InputError("A film of this study or of its prior cannot be reached.", "film.away") from None
    if size != image.size:
        raise _changed()


def _changed() -> InputError:
    return InputError("A film of this study is no longer as it was when the draft was made.", "film.changed")


def _placed(draft: DraftFacts, image: Image, shape: Sequence[int]) -> tuple[tuple[Region, ...], tuple[float, float]]:
    """The regions in pixels of the picture: turned upright as the image is, and scaled."""
    turns, _ = _mended(draft, "lie")
    upright = as_stored(draft.regions, -turns, image.height, image.width)
    height, width = (image.width, image.height) if turns % 2 else (image.height, image.width)
    down, across = shape[0] / height, shape[1] / width
    return tuple(_scaled(region, down, across) for region in upright), (down, across)


def _scaled(region: Region, down: float, across: float) -> Region:
    left, top = round(region.x * across), round(region.y * down)
    right, bottom = round((region.x + region.w) * across), round((region.y + region.h) * down)
    return replace(region, x=left, y=top, w=max(1, right - left), h=max(1, bottom - top))
