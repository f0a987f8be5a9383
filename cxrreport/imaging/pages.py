"""A page of text among the films: wherever something stands on it, it is paper and ink."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_SAMPLES = 512  # pixels a side that are looked at, at most
_GREYS = 64
_TILE = 16  # pixels a side of a sample
_SHARE = 0.5  # of pixels in the two commonest greys; docs/drafting.md says what films and pages have
# Of an image that was decoded at a fraction of its size, where small letters have many greys: 572 films of 512 pixels have
# shares of up to .18 and steps of up to 3.9 greys; drawn pages have steps of more than 8, or shares of more than .3.
_DOUBT_SHARE, _DOUBT_STEP = 0.25, 5.0


def is_page(values: npt.NDArray[np.floating[Any]]) -> bool:
    """Tell whether display values (rows, columns) are those of a page of text rather than of a film."""
    return bool(np.ptp(values)) and share_of_two_greys(values) > _SHARE  # a blank film is told as such


def may_be_page(values: npt.NDArray[np.floating[Any]]) -> bool:
    """Tell whether the whole has to be looked at, of which `values` (rows, columns) are a reduced picture."""
    tiles = _greys(values)
    if tiles is None:
        return True
    return _share(tiles) > _DOUBT_SHARE or bool(np.abs(np.diff(tiles.astype(np.int8))).mean() > _DOUBT_STEP)


def share_of_two_greys(values: npt.NDArray[np.floating[Any]]) -> float:
    """Share (0 to 1) of the pixels that have one of the two commonest of 64 greys; rare extremes do not spread these.

    Tiles of one grey are left out, where there are others: a film may be small in a black surround.
    """
    tiles = _greys(values)
    return 1.0 if tiles is None else _share(tiles)


def _greys(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8] | None:
    """Greys (n, 16 * 16) of a sample's tiles that are uneven, or of all where none is; None where there is but one value."""
    rows, columns = (-(-side // _SAMPLES) for side in values.shape)
    sample = values[::rows, ::columns]
    low, high = np.percentile(sample, (1, 99))
    if high <= low:
        return None
    levels = np.clip((sample - low) * ((_GREYS - 1) / (high - low)) + 0.5, 0, _GREYS - 1).astype(np.uint8)
    tiles = _tiles(levels)
    uneven: npt.NDArray[np.uint8] = tiles[np.ptp(tiles, axis=1) > 1]
    return uneven if len(uneven) else levels.reshape(1, -1)


def _share(levels: npt.NDArray[np.uint8]) -> float:
    counts = np.bincount(levels.ravel(), minlength=_GREYS)
    return float(np.sort(counts)[-2:].sum() / counts.sum())


def _tiles(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Whole tiles of (rows, columns), flat: (n, pixels)."""
    down, across = (side // _TILE for side in levels.shape)
    tiles = levels[: down * _TILE, : across * _TILE].reshape(down, _TILE, across, _TILE)
    return tiles.swapaxes(1, 2).reshape(down * across, _TILE * _TILE)
