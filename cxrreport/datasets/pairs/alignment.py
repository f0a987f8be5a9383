"""The prior of a pair on the grid of its current image; the work of a child process, so nothing heavy is imported here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.imaging.register import register

Pixels = npt.NDArray[np.uint8]


def align(pair: PairSample) -> tuple[Pixels, bool]:
    """The prior (256, 256) on the grid of the current image and True; as it is and False where registration is refused."""
    found = register(pair.current, pair.prior)
    return (found.pixels, True) if found.registered else (pair.prior, False)


def leave_apart(pair: PairSample) -> tuple[Pixels, bool]:
    """What `align` gives where nothing is registered."""
    return pair.prior, False
