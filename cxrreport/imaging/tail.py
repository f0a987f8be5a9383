"""A native frame whose file was given its size before its content: the part that never came reads as zeros."""

from __future__ import annotations

import numpy as np

from cxrreport.imaging.bits import Cells

_ROWS_ABOVE = 8
_MIN_COLUMNS = 0.01  # of the width, that the rows above go on for; a letter in a black border is narrower
_MAX_SPREAD = 0.1  # of these columns; above an oblique border rows end one after another
_MIN_FILLED = 0.75  # of the values there; air has zeros, and letters stand apart


def ends_in_zeros(cells: Cells) -> bool:
    """Tell a frame (rows, columns) that breaks off in the middle of a row, with nothing but zeros behind.

    A black border ends with a row, or the rows above it end where its last one does. So the rows above tell: over a
    frame that breaks off they go on to the right of its last value, all to the same column. One that breaks off in a
    black border, or just at the end of a row, is not told.
    """
    columns = cells.shape[1]
    last = _last_value(cells.ravel())
    row, column = divmod(last, columns)
    if last < 0 or cells.size - last <= columns:
        return False
    if row < _ROWS_ABOVE:  # hardly begun
        return True
    above = cells[row - _ROWS_ABOVE : row, column + 1 :] != 0
    ends = (above * np.arange(1, above.shape[1] + 1)).max(axis=1, initial=0)
    common = int(ends.min())
    alike = common >= max(_MIN_COLUMNS * columns, 1) and int(ends.max()) - common <= _MAX_SPREAD * common
    return alike and bool(above[:, :common].mean() >= _MIN_FILLED)


def _last_value(flat: Cells) -> int:
    """Place of the last value that is not 0, or -1; looked for from the end, block by block."""
    block = 1 << 16
    for end in range(len(flat), 0, -block):
        found = np.flatnonzero(flat[max(0, end - block) : end])
        if len(found):
            return max(0, end - block) + int(found[-1])
    return -1
