"""How many bits a lossless JPEG takes, counted from its frame: so that one decoding proves that a scan was whole.

The decoder fills what a scan lacks without a word. But each difference between neighbours has one code (T.81 annex H), so
the frame tells how many bits it was made of: a frame of which some was filled would have taken more than the scan has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.imaging.codestream import scan_start, segments

_LOSSLESS, _TABLES, _SCAN, _RESTART = 0xFFC3, 0xFFC4, 0xFFDA, 0xFFDD
_BLOCK_ROWS = 64  # whose differences stay in the processor's cache
_Values = npt.NDArray[np.int32]
_Predictor = Callable[[_Values, _Values, _Values], _Values]
_PREDICTED: dict[int, _Predictor] = {  # from left, above and above left (T.81 H.1.2.1)
    1: lambda left, above, corner: left,
    2: lambda left, above, corner: above,
    3: lambda left, above, corner: corner,
    4: lambda left, above, corner: left + above - corner,
    5: lambda left, above, corner: left + ((above - corner) >> 1),
    6: lambda left, above, corner: above + ((left - corner) >> 1),
    7: lambda left, above, corner: (left + above) >> 1,
}


def takes_all(scan: bytes, frame: npt.NDArray[Any]) -> bool:
    """Tell whether the bits of a scan (from the start of its stream to before its end marker) are those of the frame.

    False, too, where that cannot be counted: of JPEG that is not lossless or not of one component, with a point
    transform, with restarts or other markers in its scan, or with anything behind the last bit.
    """
    parts = list(segments(scan))
    head = dict(parts)
    bits, start = head.get(_LOSSLESS, b"")[:1], head.get(_SCAN, b"")
    coded = scan[scan_start(scan) :]
    stuffed = coded.count(b"\xff\0")
    if not bits or len(start) != 6 or start[3] not in _PREDICTED or start[5] or coded.count(b"\xff") != stuffed:
        return False
    tables = b"".join(content for marker, content in parts if marker == _TABLES)
    lengths = _lengths(tables, start[2] >> 4)
    if lengths is None or any(head.get(_RESTART, b"")):
        return False
    counts, categories = _differences(frame, bits[0], start[3]), _categories()
    if int(frame.max()) >> bits[0] or counts[lengths[categories] == 0].any():  # no encoder made that of pixels
        return False
    taken = int(counts @ (lengths[categories] + categories % 16))  # the 16th has no bits of its own
    return _fill_a_byte(coded, 8 * (len(coded) - stuffed) - taken)


def _fill_a_byte(coded: bytes, unread: int) -> bool:
    """Tell whether so many bits at the end are those that fill the last byte: fewer than 8, ones (T.81 F.1.2.3) or zeros."""
    if not 0 <= unread < 8:
        return False
    last, ones = 0xFF if coded.endswith(b"\xff\0") else coded[-1], (1 << unread) - 1
    return last & ones in (0, ones)


def _lengths(content: bytes, wanted: int) -> npt.NDArray[np.int64] | None:
    """Length of the code of each category (T.81 B.2.4.2), of the last table of this number; 0 of one without a code."""
    lengths = None
    while len(content) >= 17:
        kind, counts = content[0], content[1:17]
        symbols, content = content[17 : 17 + sum(counts)], content[17 + sum(counts) :]
        if kind == wanted and len(symbols) == sum(counts) and max(symbols, default=17) <= 16:
            lengths = np.zeros(17, np.int64)
            lengths[list(symbols)] = np.repeat(np.arange(1, 17), list(counts))
    return lengths


@cache
def _categories() -> npt.NDArray[np.int64]:
    """Bits of the magnitude of each difference modulo 2 ** 16 (T.81 H.1.2.2)."""
    values = np.arange(1 << 16)
    magnitudes = np.minimum(values, (1 << 16) - values)
    return np.asarray(np.frexp(magnitudes.astype(float))[1], np.int64)


def _differences(frame: npt.NDArray[Any], bits: int, predictor: int) -> npt.NDArray[np.int64]:
    """How often each difference from the predicted value occurs, modulo 2 ** 16 (T.81 H.1.2.1)."""
    edges = np.diff(frame[0].astype(np.int32), prepend=1 << (bits - 1)), np.diff(frame[:, 0].astype(np.int32))
    counts = _counted(edges[0]) + _counted(edges[1])
    for start in range(0, len(frame) - 1, _BLOCK_ROWS):
        rows = frame[start : start + _BLOCK_ROWS + 1].astype(np.int32)
        predicted = _PREDICTED[predictor](rows[1:, :-1], rows[:-1, 1:], rows[:-1, :-1])
        counts += _counted(rows[1:, 1:] - predicted)
    return counts


def _counted(differences: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.bincount(differences.astype(np.uint16).ravel(), minlength=1 << 16)
