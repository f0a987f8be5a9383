"""One study as a picture: its image, the prior on the same grid, and their difference with the regions of the draft."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport import DISCLAIMER
from cxrreport.codes import Flag, PriorReason, describe
from cxrreport.drafting.regions import as_stored
from cxrreport.drafts import Finding, Region
from cxrreport.errors import InputError, UsageError
from cxrreport.export.panels import (
    Box,
    Line,
    Panel,
    colour_difference,
    colour_of,
    draw_panels,
    resize,
    shrink,
)
from cxrreport.files import atomic
from cxrreport.findings import CHANGED, NAMES, most_particular
from cxrreport.imaging.pairing import inputs_sha256, pair
from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.register import Registration, register
from cxrreport.records import Image
from cxrreport.store import catalogue

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.store.views import DraftFacts, DraftView, StudyFacts

_READING = (
    "Difference: red is brighter now, blue is darker now; grey values of the prior are matched to the current film."
)


def draw_study(session: Session, view: DraftView, place: Path, max_pixels: int) -> None:
    """Draw a study to a PNG: current image, registered prior, difference with the regions of the draft.

    The picture shows no patient's name or number but what is burnt into the images. It appears whole or not at all,
    readable to its owner alone.

    Raises
    ------
    UsageError : `place` is no place for a PNG, or there is no draft. PixelError.
    InputError : an image is gone or has changed since, or the archive would make the draft from others by now.
    """
    check_place(place)
    if view.draft is None:
        raise UsageError("There is no draft of this study, so there is nothing to draw.", "draft.none")
    image, before = _images(session, view, view.draft)
    prior = _load(before, max_pixels, _mended(view.draft, "prior_lie")) if before else None
    current = _load(image, max_pixels, _mended(view.draft, "lie"))
    panels, lines = _panels(view, *_upright(view.draft, image), current, prior)
    named = Line(f"Study id {view.study.study_id}, draft {view.draft.draft_id} ({view.draft.status}).")
    with atomic(place) as file:
        draw_panels(panels, [*lines, named], DISCLAIMER).save(file, format="PNG")


def _images(session: Session, view: DraftView, draft: DraftFacts) -> tuple[Image, Image | None]:
    """The frontal images that the draft was made from: the current one and the prior's."""
    study = catalogue.studies(session, [view.study.study_id]).get(view.study.study_id)
    made = pair(study, catalogue.patient_studies(session, [study.patient_id])[study.patient_id]) if study else None
    if made is None or draft.provenance.inputs_sha256 != inputs_sha256(
        made, {image.id: image.pixel_sha256 for image in made.images if image}
    ):
        raise InputError(
            "The films of this study or of its prior have changed since the draft was made: run generate first.",
            "draft.stale",
        )
    return made.frontal, made.prior_frontal if view.prior else None


def _mended(draft: DraftFacts, name: str) -> tuple[int, bool]:
    """Quarter turns that are taken back, and whether a negative is inverted, before an image is looked at."""
    mended = draft.provenance.decoding.get(name, {})
    return mended.get("turned", 0) // 90, mended.get("inverted", False)


def _upright(draft: DraftFacts, image: Image) -> tuple[DraftFacts, Image]:
    """The draft with its regions on the upright image, and that one's shape."""
    turns, _ = _mended(draft, "lie")
    upright = replace(draft, regions=as_stored(draft.regions, -turns, image.height, image.width))
    return upright, replace(image, height=image.width, width=image.height) if turns % 2 else image


def _load(image: Image, max_pixels: int, mended: tuple[int, bool]) -> npt.NDArray[np.uint8]:
    """Read the image that the draft was made from, no other one under its name, and put it upright as the draft says."""
    gone = InputError("A film of this study is no longer as it was when the draft was made.", "film.changed")
    try:
        if os.stat(image.path).st_size != image.size:
            raise gone
    except OSError:
        raise InputError("A film of this study or of its prior cannot be reached.", "film.away") from None
    frame = read_frame(image.path, max_pixels)
    if image.pixel_sha256 not in (None, frame.pixel_sha256):
        raise gone
    turns, inverted = mended
    return shrink(np.rot90(-frame.values if inverted else frame.values, -turns))


def _panels(
    view: DraftView,
    draft: DraftFacts,
    image: Image,
    current: npt.NDArray[np.uint8],
    prior: npt.NDArray[np.uint8] | None,
) -> tuple[list[Panel], list[Line]]:
    now = f"Current{_dated(view.study)}"
    if prior is None or view.prior is None:
        why = describe(PriorReason, draft.prior_reason) or "there is no prior"
        boxes, lines = _evidence(draft, image, current.shape)
        return [Panel(now, current, boxes)], [*lines, Line(f"No comparison: {why}.")]
    boxes, lines = _changes(draft, image, current.shape)
    registered = _register(current, prior)
    before = f"Prior{_dated(view.prior)}"
    if Flag.PRIOR_UNREGISTERED in draft.flags or not registered.registered:
        note = Line("The prior could not be laid over the current film, so there is no difference to show.")
        return [Panel(now, current, boxes), Panel(f"{before}, not registered", prior)], [*lines, note]
    difference = colour_difference(current, registered.pixels, registered.inside)
    return [
        Panel(now, current),
        Panel(f"{before}, registered", registered.pixels),
        Panel("Difference", difference, boxes),
    ], [*lines, Line(_READING)]


def _register(current: npt.NDArray[np.uint8], prior: npt.NDArray[np.uint8]) -> Registration:
    """Lay the prior over the current image; as for the network, both are of one shape before."""
    return register(current, resize(prior, *current.shape))


def _dated(study: StudyFacts) -> str:
    return f" {study.studied_at:%Y-%m-%d}" if study.studied_at else ""


# -- boxes and their legend -------------------------------------------------------------------------------------------


def _changes(draft: DraftFacts, image: Image, shape: tuple[int, ...]) -> tuple[tuple[Box, ...], list[Line]]:
    """Boxes and legend of what changed; a finding that another one implies needs no box of its own."""
    rows = {row.finding: row for row in draft.finding_rows if row.change in CHANGED}
    named = most_particular(list(rows))
    regions = [region for region in draft.regions if region.kind == "change" and region.finding in named]
    placed = {region.finding for region in regions}
    lines = [_legend(finding, _change(rows[finding]), finding in placed) for finding in named]
    return _boxes(regions, image, shape), lines or [Line("No finding has changed.")]


def _evidence(draft: DraftFacts, image: Image, shape: tuple[int, ...]) -> tuple[tuple[Box, ...], list[Line]]:
    regions = [region for region in draft.regions if region.kind == "evidence"]
    named = most_particular(list(dict.fromkeys(region.finding for region in regions if region.finding)))
    shown = [region for region in regions if region.finding in named]
    return _boxes(shown, image, shape), [_legend(finding, "seen here", True) for finding in named]


def _legend(finding: str, said: str, placed: bool) -> Line:
    name = NAMES.get(finding, finding)
    return Line(f"{name}: {said}", colour_of(finding)) if placed else Line(f"{name}: {said}, no place found")


def _change(row: Finding) -> str:
    return f"{row.change} ({row.change_probability:.2f})" if row.change_probability is not None else f"{row.change}"


def _boxes(regions: Sequence[Region], image: Image, shape: tuple[int, ...]) -> tuple[Box, ...]:
    """Scale regions from pixels of the image to those of the panel; the best of a finding bears its name."""
    across, down = shape[1] / image.width, shape[0] / image.height
    boxes, named = [], set[str | None]()
    for region in sorted(regions, key=lambda region: -region.score):
        name = "" if region.finding in named else NAMES.get(region.finding or "", region.finding or "")
        named.add(region.finding)
        place = (region.x * across, region.y * down, region.w * across, region.h * down)
        boxes.append(Box(*place, colour_of(region.finding), name))
    return tuple(boxes)


# -- the file ---------------------------------------------------------------------------------------------------------


def check_place(place: Path) -> None:
    """Refuse what cannot become a picture before any work is done.

    Raises
    ------
    UsageError
    """
    if place.suffix.lower() != ".png":
        raise UsageError("The name of the picture must end in .png.")
    try:
        mode = os.lstat(place).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise UsageError(f"The picture cannot be written there: {os.strerror(error.errno or 0)}.") from None
    if not stat.S_ISREG(mode):
        raise UsageError("There is something at the place of the picture that is no regular file.")
    if not os.access(place.parent, os.W_OK | os.X_OK) or not place.parent.is_dir():
        raise UsageError("The directory of the picture does not exist or cannot be written.")
