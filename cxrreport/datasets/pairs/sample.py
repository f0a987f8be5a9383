"""One prior and one current frontal image with the truth of what became of each finding between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cxrreport.findings import FINDINGS, implied_by

WORSENED, UNCHANGED, IMPROVED, UNSTATED = 0, 1, 2, -1
Box = tuple[int, float, float, float, float]

_NO_FINDING, _DEVICES = FINDINGS.index("no finding"), FINDINGS.index("support devices")


@dataclass(frozen=True, slots=True)
class PairSample:
    """A current image, its prior and what changed.

    current, prior (256, 256) uint8, preprocessed, the prior as taken and not registered; now, before (14,) bool:
    positive on either image, in the order of `findings.FINDINGS`; known (14,) bool: of which findings both are known;
    progression (14,) int64: 0 worsened, 1 unchanged, 2 improved, -1 where that is not known or not both are positive;
    boxes: (finding index, x, y, w, h) in fractions of the current image, where a finding that is new, worsened,
    improved or resolved changed (several of one finding are possible); days between the images, None where unknown;
    report, prior_report: findings sections written from the truth, the current one with the comparison; place: where
    the pair comes from.
    """

    key: str
    patient: str
    current: npt.NDArray[np.uint8]
    prior: npt.NDArray[np.uint8]
    now: npt.NDArray[np.bool_]
    before: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    progression: npt.NDArray[np.int64]
    boxes: tuple[Box, ...]
    days: int | None
    report: str = ""
    prior_report: str = ""
    place: str = ""


class Truth(NamedTuple):
    """What a pair shows: `now`, `before`, `known` and `progression` of a `PairSample`, each (14,)."""

    now: npt.NDArray[np.bool_]
    before: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    progression: npt.NDArray[np.int64]


def truth_of(before: Mapping[str, float], now: Mapping[str, float], uncertain: Collection[str] = ()) -> Truth:
    """Truth from the severity of every finding that is there on either image, in any unit that grows with it.

    A finding that only follows from another one is unknown: consolidation is a lung opacity, but whether a reader says
    so is open. Where it is positive by itself its progression is unknown once what implies it has changed.
    """
    implied = implied_by({*before, *now})
    moved = {f for f in {*before, *now} if before.get(f) != now.get(f)}
    confused = implied_by(moved)
    there, was = _flags(now), _flags(before)
    unknown = set(uncertain) | (implied - {*before, *now})
    known = np.array([finding not in unknown for finding in FINDINGS])
    if uncertain:  # whether the image is normal hangs on what nobody knows
        known[_NO_FINDING] = there[:_DEVICES].any() and was[:_DEVICES].any()
    both = there & was & known
    progression = [
        _progression(before, now, f) if both[i] and f not in confused else UNSTATED for i, f in enumerate(FINDINGS)
    ]
    return Truth(there, was, known, np.array(progression, np.int64))


def _flags(severities: Collection[str]) -> npt.NDArray[np.bool_]:
    """(14,) bool; "no finding" where nothing but devices is there."""
    flags = np.array([finding in severities for finding in FINDINGS])
    flags[_NO_FINDING] = not flags[:_DEVICES].any()
    return flags


def _progression(before: Mapping[str, float], now: Mapping[str, float], finding: str) -> int:
    if finding not in before:  # "no finding" on both images has no progression
        return UNSTATED
    step = now[finding] - before[finding]
    return UNCHANGED if step == 0 else WORSENED if step > 0 else IMPROVED
