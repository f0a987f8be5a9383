"""A page of text among the films: wherever something stands on it, it is paper and ink."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_SAMPLES = 512  # pixels a side that are looked at, at most
_GREYS = 64
_TILE = 16  # pixels a side of a sample
_SHARE = 0.5  # of pixels in the two commonest greys; docs/drafting.md says what films and pages have


def is_page(values: npt.NDArray[np.floating[Any]]) -> bool:
    """Tell whether display values (rows, columns) are those of a page of text rather than of a film."""
    return bool(np.ptp(values)) and share_of_two_greys(values) > _SHARE  # a blank film is told as such


def share_of_two_greys(values: npt.NDArray[np.floating[Any]]) -> float:
    """Share (0 to 1) of the pixels that have one of the two commonest of 64 greys; rare extremes do not spread these.

    Tiles of one grey are left out, where there are others: a film may be small in a black surround.
    """
    rows, columns = (-(-side // _SAMPLES) for side in values.shape)
    sample = values[::rows, ::columns]
    low, high = np.percentile(sample, (1, 99))
    if high <= low:
        return 1.0
    levels = np.clip((sample - low) * ((_GREYS - 1) / (high - low)) + 0.5, 0, _GREYS - 1).astype(np.intp)
    tiles = _tiles(levels)
    uneven = tiles[np.ptp(tiles, axis=1) > 1]
    counts = np.bincount((uneven if len(uneven) else levels).ravel(), minlength=_GREYS)
    return float(np.sort(counts)[-2:].sum() / counts.sum())


def _tiles(levels: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Whole tiles of (rows, columns), flat: (n, pixels)."""
    down, across = (side // _TILE for side in levels.shape)
    tiles = levels[: down * _TILE, : across * _TILE].reshape(down, _TILE, across, _TILE)
    return tiles.swapaxes(1, 2).reshape(down * across, _TILE * _TILE)
