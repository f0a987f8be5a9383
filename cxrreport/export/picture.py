"""One study as a picture: its image, the prior on the same grid, and their difference with the regions of the draft."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Drawing

from cxrreport import DISCLAIMER
from cxrreport.drafts import Region
from cxrreport.errors import UsageError
from cxrreport.export.films import Pictures, load_pictures
from cxrreport.export.panels import Box, Line, Panel, colour_of, draw_panels
from cxrreport.export.study import StudyView
from cxrreport.export.words import likely
from cxrreport.files import atomic
from cxrreport.findings import CHANGED, NAMES, most_particular
from cxrreport.store.views import DraftFacts

_READING = (
    "Difference: orange is brighter now, blue is darker now; grey values of the prior are matched to the current film."
)


def draw_study(view: StudyView, place: Path, max_pixels: int) -> None:
    """Draw a study to a PNG: current image, registered prior, difference with the regions of the draft.

    It appears whole or not at all, readable to its owner alone.

    Raises
    ------
    UsageError : `place` is no place for a PNG. Those of `load_pictures`.
    """
    check_place(place)
    drawn = compose(view, load_pictures(view, max_pixels))
    with atomic(place) as file:
        drawn.save(file, format="PNG")


def compose(view: StudyView, pictures: Pictures) -> Drawing.Image:
    """Return the panels of a study that has a draft, with legend and disclaimer.

    It shows no patient's name or number but what is burnt into the images.
    """
    panels, lines = _panels(view, view.draft, pictures)
    kept = [Line(view.not_assessed)] if view.not_assessed else []
    named = Line(f"Study {view.stem}, draft {view.draft.draft_id}.")
    return draw_panels(panels, [*lines, *kept, named], DISCLAIMER)


def _panels(view: StudyView, draft: DraftFacts, pictures: Pictures) -> tuple[list[Panel], list[Line]]:
    now = f"Current {view.held.study.day}".rstrip()
    if draft.abstained:
        return [Panel(now, pictures.current)], [Line(draft.not_drafted)]
    if pictures.prior is None or view.held.prior is None:
        boxes, lines = _evidence(pictures.regions)
        return [Panel(now, pictures.current, boxes)], [
            *lines,
            Line(f"No comparison: {view.no_prior or 'there is no prior'}."),
        ]
    boxes, lines = _changes(draft, pictures.regions)
    before = f"Prior {view.held.prior.day}".rstrip()
    if pictures.difference is None:
        note = Line("The prior could not be laid over the current film, so there is no difference to show.")
        return [Panel(now, pictures.current, boxes), Panel(f"{before}, not registered", pictures.prior)], [*lines, note]
    return [
        Panel(now, pictures.current),
        Panel(f"{before}, registered", pictures.prior),
        Panel("Difference", pictures.difference, boxes),
    ], [*lines, Line(_READING)]


# -- boxes and their legend -------------------------------------------------------------------------------------------


def _changes(draft: DraftFacts, regions: Sequence[Region]) -> tuple[tuple[Box, ...], list[Line]]:
    """Boxes and legend of what changed; a finding that another one implies needs no box of its own."""
    changed = (row for row in draft.finding_rows if row.change in CHANGED)
    said = {row.finding: likely(str(row.change), row.change_probability) for row in changed}
    named = most_particular(list(said))
    shown = [region for region in regions if region.kind == "change" and region.finding in named]
    placed = {region.finding for region in shown}
    lines = [_legend(finding, said[finding], finding in placed) for finding in named]
    none = "No finding that is assessed has changed." if draft.withheld else "No finding has changed."
    return _boxes(shown), lines or [Line(none)]


def _evidence(regions: Sequence[Region]) -> tuple[tuple[Box, ...], list[Line]]:
    seen = [region for region in regions if region.kind == "evidence"]
    named = most_particular(list(dict.fromkeys(region.finding for region in seen if region.finding)))
    return _boxes([r for r in seen if r.finding in named]), [_legend(finding, "seen here", True) for finding in named]


def _legend(finding: str, said: str, placed: bool) -> Line:
    name = NAMES.get(finding, finding)
    return Line(f"{name}: {said}", colour_of(finding)) if placed else Line(f"{name}: {said}, no place found")


def _boxes(regions: Sequence[Region]) -> tuple[Box, ...]:
    """The best of a finding bears its name."""
    boxes, named = [], set[str | None]()
    for region in sorted(regions, key=lambda region: -region.score):
        name = "" if region.finding in named else NAMES.get(region.finding or "", region.finding or "")
        named.add(region.finding)
        boxes.append(Box(region.x, region.y, region.w, region.h, colour_of(region.finding), name))
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
