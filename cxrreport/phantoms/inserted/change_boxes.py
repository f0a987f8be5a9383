"""Where two images differ: boxes around the pixels whose attenuation a lesion's change altered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cxrreport.phantoms.canvas import Layer
from cxrreport.phantoms.phantom import changed_box

Fractions = tuple[float, float, float, float]
SHARE = 0.22  # of the largest change: what counts as changed
_FAINT = 0.4  # of the largest change: one half of the chest that changed less than this has no box


def halves(side: str, x: Layer) -> list[npt.NDArray[np.bool_]]:
    """Masks of the parts of an image that get a box each: both halves for a lesion of both lungs, else the whole.

    `x` holds for every pixel where it lies from the patient's right (0) to the left (1).
    """
    right = np.broadcast_to(x < 0.5, x.shape)
    return [right, ~right] if side == "both" else [np.ones_like(right)]


def boxes_of(
    change: Layer, parts: Sequence[npt.NDArray[np.bool_]], least: float, share: float = SHARE
) -> list[Fractions]:
    """Boxes (x, y, w, h) in fractions of the image around what changed in each part.

    Parameters
    ----------
    change : attenuation now less that before, shape (side, side).
    parts : masks of the same shape, disjoint.
    least : attenuation; where the largest change is smaller there are no boxes.
    share : of the largest change in a part: what belongs to its box.
    """
    largest = float(np.abs(change).max())
    side = change.shape[0]
    found = [changed_box(np.where(part, change, 0), max(least, _FAINT * largest), share) for part in parts]
    return [(x / side, y / side, w / side, h / side) for x, y, w, h in filter(None, found)]
