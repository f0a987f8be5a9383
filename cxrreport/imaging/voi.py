"""Lookup tables and windows of a header as functions on arrays of values (DICOM PS3.3 C.11.1 and C.11.2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

Table = npt.NDArray[np.float64]
Shown = Callable[[Table], Table]  # values before -> values after


def number(dataset: Dataset, tag: int | str) -> float | None:
    """Return the first number of a tag; None where it is absent, blank, not finite or no number."""
    found = numbers(dataset, tag)
    return found[0] if found else None


def numbers(dataset: Dataset, tag: int | str) -> list[float]:
    """Return the finite numbers of a tag, up to the first value that is none.

    A decimal comma, which some consoles write, is read.
    """
    if tag not in dataset:
        return []
    try:
        value = dataset[tag].value
    except Exception:  # pydicom converts on access, and raises nearly anything
        value = dataset.get_item(tag).value
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    texts = str(value).split("\\") if isinstance(value, str) or not hasattr(value, "__iter__") else map(str, value)
    found = []
    for text in texts:
        try:
            one = float(text.strip(" \0").replace(",", "."))
        except ValueError:
            break
        if not math.isfinite(one):
            break
        found.append(one)
    return found


def lut_of(dataset: Dataset, keyword: str, signed: bool) -> Shown | None:
    """Return the first table of a LUT sequence, held at its ends; None where there is none that can be used."""
    try:
        item = dataset.get(keyword)[0]
        count, first, bits = (int(part) for part in item.LUTDescriptor)
        entries = _entries(item.LUTData, count or 1 << 16, bits, item.is_little_endian).astype(np.float64)
    except Exception:  # pydicom converts on access, and raises nearly anything
        return None
    if signed and first >= 1 << 15:  # the descriptor's value representation is often lost
        first -= 1 << 16
    return partial(_look_up, first, entries) if len(entries) else None


def _entries(data: Any, count: int, bits: int, little_endian: bool | None) -> npt.NDArray[Any]:
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.int64))[:count]
    if bits <= 8 and len(data) <= count + 1:  # one byte an entry
        return np.frombuffer(data, np.uint8)[:count]
    return np.frombuffer(data[: len(data) // 2 * 2], ">u2" if little_endian is False else "<u2")[:count]


def _look_up(first: int, entries: Table, values: Table) -> Table:
    """The first entry stands for the value `first`; values beyond the table take the end entries."""
    return entries[np.clip(np.round(values - first), 0, len(entries) - 1).astype(np.int64)]


def window_of(dataset: Dataset) -> Shown | None:
    """Return the first window, or None where there is none or its width is impossible."""
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    if centre is None or width is None:
        return None
    return partial(_through, centre, width, function) if width >= (1 if function == "LINEAR" else 1e-6) else None


def _through(centre: float, width: float, function: str, values: Table) -> Table:
    """Bring values to 0..1 (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2)."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    span = max(width - 1, 1e-6)  # width 1 is a threshold
    return np.clip((values - (centre - 0.5)) / span + 0.5, 0, 1)
