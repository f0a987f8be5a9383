"""Where on the current image a finding, or its change, shows: maps of the network's grid -> heat maps and boxes.

The maps are those of docs/model.md, Progression: one a finding, and of a change only what is higher than on pairs without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cxrreport.drafts import Finding, Region
from cxrreport.findings import CHANGED, FINDINGS, State

SIDE = 256  # of the preprocessed image, on which boxes are sought
MOST_BOXES = 3  # per finding: more would mark the image, not a place
LEVEL = 0.2  # a map that stays below says nothing, whatever its highest value
_SHARE = 0.5  # of the highest value: a single cell of the grid gets a box of its own size
_SPECK = 64  # pixels of the preprocessed image: about a centimetre square of a chest
_NOWHERE = "no finding"  # shows nowhere

Grid = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Maps:
    """What the network says of the places of one study; grids cover the whole preprocessed image of the current study.

    Attributes
    ----------
    change : (k, g, g), 0..1, probability that each finding has changed there; None without a prior that lies on this image.
    evidence : (k, g, g), 0..1, where each finding is seen.
    findings : names of the k maps, in order.
    """

    change: Grid | None = None
    evidence: Grid | None = None
    findings: tuple[str, ...] = FINDINGS


def mark_regions(rows: Sequence[Finding], maps: Maps, height: int, width: int) -> tuple[Region, ...]:
    """Boxes of all findings of a draft, in pixels of the current image of `height` x `width` (both at least 1).

    A finding that is new, worsened, improved or resolved gets regions of kind "change"; one that is positive and has
    none of that kind gets regions of kind "evidence".
    """
    found: list[Region] = []
    for row in rows:
        if row.finding not in maps.findings or row.finding == _NOWHERE:
            continue
        index = maps.findings.index(row.finding)
        changed = _boxes(maps.change, index, height, width, "change", row) if row.change in CHANGED else ()
        if not changed and row.state == State.POSITIVE:
            changed = _boxes(maps.evidence, index, height, width, "evidence", row)
        found += changed
    return tuple(found)


def as_stored(regions: Iterable[Region], turns: int, height: int, width: int) -> tuple[Region, ...]:
    """Regions of an image of `height` x `width` as they lie once it is turned by `turns` quarters counter-clockwise."""
    found = tuple(regions)
    for _ in range(turns % 4):
        found = tuple(replace(r, x=r.y, y=width - r.x - r.w, w=r.h, h=r.w) for r in found)
        height, width = width, height
    return found


def _boxes(grids: Grid | None, index: int, height: int, width: int, kind: str, row: Finding) -> tuple[Region, ...]:
    return () if grids is None else find_regions(heat_map(grids[index]), height, width, kind, row.finding)


def heat_map(grid: Grid) -> npt.NDArray[np.float32]:
    """Enlarge a map (g, g) bilinearly to (256, 256), in 0..1; what is no number counts as 0.

    A value stands at the middle of its cell, so that the outermost half cells are constant.
    """
    cells = np.clip(np.where(np.isfinite(grid), grid, 0), 0, 1).astype(np.float32)
    heat = ndimage.zoom(cells, SIDE / grid.shape[0], order=1, mode="nearest", grid_mode=True)
    return np.asarray(heat, dtype=np.float32)


def find_regions(
    heat: npt.NDArray[np.float32], height: int, width: int, kind: str, finding: str | None = None
) -> tuple[Region, ...]:
    """Boxes round the places where a heat map (256, 256) is high; at most three, the highest first.

    A place is what hangs together above `LEVEL` and above a share of the highest value; specks are left out. The score
    is the highest value of the place. The image was squeezed to a square, so height and width have a scale each.
    """
    top = float(heat.max())
    if not top > LEVEL:
        return ()
    labels, count = ndimage.label(heat >= max(LEVEL, _SHARE * top))  # neighbours share a side
    scores = ndimage.maximum(heat, labels, range(1, count + 1))
    areas = np.bincount(labels.ravel())[1:]
    regions = [
        Region(kind, *_box(place, height, width), float(score), finding)
        for place, score, area in zip(ndimage.find_objects(labels), scores, areas, strict=True)
        if area >= _SPECK
    ]
    return tuple(sorted(regions, key=lambda region: (-region.score, region.y, region.x))[:MOST_BOXES])


def _box(place: tuple[slice, ...], height: int, width: int) -> tuple[int, int, int, int]:
    """x, y, w, h in an image of a place on the square."""
    (top, bottom), (left, right) = (
        (side.start * length // SIDE, -(-side.stop * length // SIDE)) for side, length in zip(place, (height, width))
    )
    return left, top, right - left, bottom - top
