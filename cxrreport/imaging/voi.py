"""Lookup tables and windows of a header as functions on arrays of values (DICOM PS3.3 C.11.1 and C.11.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

Table = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lut:
    """A lookup table whose first entry stands for the value `first`; values beyond it take the end entries."""

    first: float
    entries: Table


@dataclass(frozen=True, slots=True)
class Window:
    """Centre, width and VOI LUT function."""

    centre: float
    width: float
    function: str


def number(value: Any) -> float | None:
    """Return the first number of a tag that may be absent, blank or many-valued."""
    if value is None or value == "":
        return None
    if not isinstance(value, (str, bytes)) and hasattr(value, "__iter__"):
        value = next(iter(value), None)
        return number(value)
    return float(value)


def lut_of(dataset: Dataset, keyword: str, signed: bool) -> Lut | None:
    """Return the first table of a LUT sequence, or None where there is none with content."""
    sequence = dataset.get(keyword)
    if not sequence:
        return None
    item = sequence[0]
    count, first, bits = (int(part) for part in item.LUTDescriptor)
    if signed and first >= 1 << 15:  # the descriptor's value representation is often lost
        first -= 1 << 16
    entries = _entries(item.LUTData, count or 1 << 16, bits, item.is_little_endian)
    return Lut(float(first), entries.astype(np.float64)) if len(entries) else None


def _entries(data: Any, count: int, bits: int, little_endian: bool | None) -> npt.NDArray[Any]:
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.int64))[:count]
    if bits <= 8 and len(data) <= count + 1:  # one byte an entry
        return np.frombuffer(data, np.uint8)[:count]
    return np.frombuffer(data[: len(data) // 2 * 2], ">u2" if little_endian is False else "<u2")[:count]


def apply_lut(lut: Lut, values: Table) -> Table:
    """Look the values up, held at the ends of the table."""
    index = np.clip(np.round(values - lut.first), 0, len(lut.entries) - 1)
    return lut.entries[index.astype(np.int64)]


def window_of(dataset: Dataset) -> Window | None:
    """Return the first window, or None where there is none or its width is impossible."""
    centre, width = number(dataset.get("WindowCenter")), number(dataset.get("WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    if centre is None or width is None or not np.isfinite([centre, width]).all():
        return None
    return Window(centre, width, function) if width >= (1 if function == "LINEAR" else 1e-6) else None


def apply_window(window: Window, values: Table) -> Table:
    """Bring values to 0..1 (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2)."""
    if window.function == "SIGMOID":
        exponent = np.clip(-4 * (values - window.centre) / window.width, -700, 700)
        return np.asarray(1 / (1 + np.exp(exponent)))
    if window.function == "LINEAR_EXACT":
        return np.clip((values - window.centre) / window.width + 0.5, 0, 1)
    span = max(window.width - 1, 1e-6)  # width 1 is a threshold
    return np.clip((values - (window.centre - 0.5)) / span + 0.5, 0, 1)
