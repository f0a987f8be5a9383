"""Numbers that took long, kept in a CSV file: a line a key. A table that is made of them is made anew for nothing."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from cxrreport.errors import UsageError
from cxrreport.files import atomic

Numbers = dict[str, tuple[float, ...]]


def recall(path: Path | None, width: int) -> Numbers:
    """What a file holds, `width` numbers a key; nothing where there is no file.

    Raises
    ------
    UsageError : it is no such table.
    """
    if path is None or not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            found = {key: tuple(map(float, numbers)) for key, *numbers in csv.reader(lines)}
        if any(len(numbers) != width for numbers in found.values()):
            raise ValueError(width)
    except (ValueError, csv.Error):
        raise UsageError(f"The {path.name} beside the results is damaged: remove it.") from None
    return found


def remember(path: Path | None, numbers: Mapping[str, Sequence[float]]) -> None:
    """Write a file whole, or not at all; every number comes back as it was."""
    if path is None:
        return
    with atomic(path, 0o666) as file, file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([key, *map(repr, map(float, row))] for key, row in numbers.items())
