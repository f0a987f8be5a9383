"""Readers of the hospital's report archive, one a format, each with `read`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from cxrreport.records import Failure, Report
from cxrreport.reports.readers import decode, table, text

FORMATS = ("auto", "text", "table")
_BY_SUFFIX = {".txt": "text", ".csv": "table", ".tsv": "table", ".jsonl": "table", ".ndjson": "table"}


def read_path(path: Path, columns: Mapping[str, str], format: str | None = None) -> Iterator[Report | Failure]:
    """Read every report of a file or a folder, in order of name; links and hidden files within a folder are left out.

    Parameters
    ----------
    columns : our field names to a table's column names (see `table.read`).
    format : one of `FORMATS`; None and "auto" choose by the ending of the file name.

    Raises
    ------
    ValueError : the format is unknown.
    """
    if format not in (None, *FORMATS):
        raise ValueError(f"unknown report format {format!r}; known are {', '.join(FORMATS)}")
    for file in _files(path):
        if isinstance(file, Failure):
            yield file
        else:
            yield from _read_file(file, columns, format)


def _read_file(file: Path, columns: Mapping[str, str], format: str | None) -> Iterator[Report | Failure]:
    kind = _BY_SUFFIX.get(file.suffix.lower()) if format in (None, "auto") else format
    if kind == "text":
        yield from text.read(file)
    elif kind == "table":
        yield from table.read(file, columns)
    else:
        yield Failure("report.unknown_format", "A file of the report archive is of no known format.", path=str(file))


def _files(path: Path) -> Iterator[Path | Failure]:
    """Regular files below `path`; never through a link, and nothing that would block (a FIFO) is opened."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            yield path
            return
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        yield decode.unreadable(path)
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
