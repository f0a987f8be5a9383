"""Scores of changes since a prior: F1 of the five changes, false change, and whether a map points at the right place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrreport.records import SIDE

Ints = npt.NDArray[np.int64]
Box = tuple[float, float, float, float]  # x, y, width, height in fractions of the image
# Indices of the joint states absent, new, resolved, in both, and of the directions worsened, unchanged, improved
# (`model.progression`) -> one of the six changes in the order of `CLASSES`; a direction that is not known has none.
CLASSES = ("new", "worsened", "unchanged", "improved", "resolved", "absent")
_OF_PRESENCE = {0: 5, 1: 0, 2: 4}
_BOTH, _ABSENT, _UNKNOWN = 3, 5, -1


@dataclass(frozen=True, slots=True)
class ChangeScores:
    """F1 of each of the five changes that are no absence, by name; `macro` their mean over those that occur.

    `both` is the mean F1 of worsened, unchanged and improved over the findings that are in both images in truth,
    where the reader only has to tell the direction. None where nothing of the kind occurs.
    """

    each: dict[str, float]
    macro: float | None
    both: float | None


def classes(joint: Ints, direction: Ints) -> Ints:
    """Joint state and direction indices (n, 13), -1 unknown -> change (n, 13) as an index into `CLASSES`, -1 unknown."""
    found = np.full(joint.shape, _UNKNOWN, np.int64)
    for index, change in _OF_PRESENCE.items():
        found[joint == index] = change
    known = (joint == _BOTH) & (direction >= 0)
    found[known] = direction[known] + 1
    return found


def score_changes(truth: Ints, said: Ints) -> ChangeScores:
    """Compare changes (n, 13); where the truth is -1 nothing is counted.

    A change that is said of a finding which is absent on both images counts as wrong, as does one that is missed.
    """
    known = truth != _UNKNOWN
    t, s = truth[known], said[known]
    each = {name: f1 for i, name in enumerate(CLASSES[:_ABSENT]) if (f1 := _f1(t == i, s == i)) is not None}
    inside = (truth >= 1) & (truth <= 3)
    directions = [_f1(truth[inside] == i, said[inside] == i) for i in (1, 2, 3)]
    return ChangeScores(each, _mean(list(each.values())), _mean([f1 for f1 in directions if f1 is not None]))


def score_presence(truth: Ints, said: Ints) -> dict[str, float]:
    """F1 of "new" and "resolved" alone, from joint states (n, 13); for images whose direction nobody has read."""
    known = truth != _UNKNOWN
    named = {"new": 1, "resolved": 2}
    found = {name: _f1(truth[known] == i, said[known] == i) for name, i in named.items()}
    return {name: f1 for name, f1 in found.items() if f1 is not None}


def false_change(said: Ints) -> tuple[float, float]:
    """Of pairs where nothing has changed: share of pairs, and of findings (n, 13), of which a change is said."""
    changed = (said != 2) & (said != _ABSENT)
    return float(changed.any(1).mean()), float(changed.mean())


def _f1(truth: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_]) -> float | None:
    """None where it does not occur in truth."""
    if not truth.any():
        return None
    return float(2 * (truth & said).sum() / (truth.sum() + said.sum()))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def hits(heat: npt.NDArray[np.float32], boxes: Sequence[Box]) -> bool:
    """Pointing game (Zhang et al., 2016): does the highest point of a map (h, w) over the image lie in one of the boxes?"""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    x, y = (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0]
    return any(left <= x <= left + w and top <= y <= top + h for left, top, w, h in boxes)


def overlap(said: Sequence[Box], true: Sequence[Box]) -> float:
    """Intersection over union of two sets of boxes, each taken as one area of the image."""
    one, other = _area(said), _area(true)
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 0.0


def _area(boxes: Sequence[Box]) -> npt.NDArray[np.bool_]:
    covered, side = np.zeros((SIDE, SIDE), np.bool_), SIDE
    for x, y, w, h in boxes:
        left, top = max(0, round(x * side)), max(0, round(y * side))
        covered[top : max(top + 1, round((y + h) * side)), left : max(left + 1, round((x + w) * side))] = True
    return covered
