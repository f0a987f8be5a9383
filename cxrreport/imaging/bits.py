"""Which bits of a cell are the value: what the header says (PS3.5 section 8.1), unless the cells themselves deny it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cxrreport.errors import PixelError

Cells = npt.NDArray[np.unsignedinteger[Any]]
_ROWS_LOOKED_AT = 256
_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
OVERLAY_TAGS = tuple(group << 16 | element for group in _OVERLAY_GROUPS for element in (0x0100, 0x0102))
_MIN_LIKENESS = 0.5  # of neighbours; of noise it is 0, of a wrapped image in between


@dataclass(frozen=True, slots=True)
class Layout:
    """How one grey frame is stored."""

    shape: tuple[int, int]  # rows, columns
    bits_allocated: int
    bits: int  # of these, those of one value
    shift: int  # of its lowest bit
    signed: bool

    @property
    def size_bytes(self) -> int:
        """Bytes of the frame without compression."""
        return math.prod(self.shape) * self.bits_allocated // 8


def layout_of(dataset: Dataset, shape: tuple[int, int]) -> Layout:
    """Read the header's layout; a High Bit that contradicts Bits Stored is passed by. Raises PixelError."""
    allocated = int(dataset.BitsAllocated)
    bits, high = int(dataset.get("BitsStored") or allocated), dataset.get("HighBit")
    if not 1 < bits <= allocated:
        raise PixelError("The header declares impossible bits.")
    shift = 0 if high is None else int(high) + 1 - bits
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    return Layout(shape, allocated, bits, shift if 0 <= shift <= allocated - bits else 0, signed)


def settle(layout: Layout, dataset: Dataset, cells: Cells, bits: int, signed: bool | None) -> Layout:
    """Return the layout that the cells are read by; `bits` and `signed` are the codestream's own word.

    Cells may hold more than Bits Stored says: overlays (PS3.5 8.1.2), copies of the sign, or a wider value. The wider
    reading, and the codestream's sign, are taken where they are the smoother picture at the places that tell.

    Raises
    ------
    PixelError : `pixels.bits` where no reading is a picture.
    """
    if bits < layout.bits + layout.shift:
        layout = replace(layout, bits=min(bits, layout.bits), shift=0)
    readings = [layout]
    used = int(np.bitwise_or.reduce(cells, axis=None)) & ~_overlay_mask(dataset)
    if used >> (layout.bits + layout.shift) and not _is_sign_extended(cells, layout):
        readings.append(replace(layout, bits=max(used.bit_length(), 2), shift=0))
    if signed is not None and signed != layout.signed:
        readings = [replace(reading, signed=sign) for reading in readings for sign in (signed, not signed)]
    return readings[0] if len(readings) == 1 else _smoothest(readings, cells)


def stored_of(cells: Cells, layout: Layout) -> Cells:
    """Cut the stored bits out of each cell, without their sign."""
    if layout.shift:
        cells = cells >> cells.dtype.type(layout.shift)
    if layout.bits < 8 * cells.dtype.itemsize:
        cells = cells & cells.dtype.type((1 << layout.bits) - 1)
    return cells


def _overlay_mask(dataset: Dataset) -> int:
    """Bits of a cell in which the header puts an overlay."""
    mask = 0
    for group in _OVERLAY_GROUPS:
        position = dataset.get(group << 16 | 0x0102)
        if position is not None and isinstance(position.value, int) and 0 < position.value < 16:
            mask |= 1 << position.value
    return mask


def _is_sign_extended(cells: Cells, layout: Layout) -> bool:
    if not layout.signed or layout.shift:
        return False
    width = 8 * cells.dtype.itemsize
    above = cells >> cells.dtype.type(layout.bits - 1)  # the sign and its copies
    return bool(np.isin(above, (0, (1 << (width - layout.bits + 1)) - 1)).all())


def _smoothest(readings: list[Layout], cells: Cells) -> Layout:
    """Of the readings that are pictures, let the neighbours judge at the places where two readings differ."""
    rows = cells[:: max(1, len(cells) // _ROWS_LOOKED_AT)]
    pictures = [reading for reading in readings if _likeness(_signed(rows, reading)) >= _MIN_LIKENESS]
    if not pictures:
        raise PixelError("The values do not fit the bits that the header declares.", code="pixels.bits")
    best, *others = pictures
    for other in others:
        one, another = (np.abs(np.diff(_signed(rows, reading), axis=1)) for reading in (best, other))
        if np.count_nonzero(another < one) > np.count_nonzero(one < another):
            best = other
    return best


def _likeness(values: npt.NDArray[np.float64]) -> float:
    """How much neighbours within a row are alike: their correlation."""
    spread = 2 * np.var(values)
    return float(1 - np.mean(np.square(np.diff(values, axis=1))) / spread) if spread else 1.0


def _signed(cells: Cells, layout: Layout) -> npt.NDArray[np.float64]:
    stored = stored_of(cells, layout).astype(np.float64)
    return stored - (1 << layout.bits) * (stored >= 1 << (layout.bits - 1)) if layout.signed else stored
