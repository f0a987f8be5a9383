"""Readers of the hospital's report archive, one a format, each with `read`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports.parsing import decode, sniff
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.readers import fhir, hl7, openi, table, text

__all__ = ["FORMATS", "Skipped", "read_path"]

FORMATS = ("auto", "text", "table", "hl7", "sr", "fhir", "openi")
Item = Report | Failure | Skipped


def read_path(
    path: Path, columns: Mapping[str, str], format: str | None = None, *, preliminary: bool = False
) -> Iterator[Item]:
    """Read every report of a file or a folder, in order of name; links and hidden files within a folder are left out.

    What within a folder is plainly no report (README, pictures, PDFs, packed files) is a `Skipped("report.not_report")`,
    whatever the format; a file that is named itself is a failure then, unless its format is named too.

    Parameters
    ----------
    columns : our field names to a table's column names (see `table.read`).
    format : one of `FORMATS`; None and "auto" choose by the content of each file.
    preliminary : take reports that nobody has signed yet, too; else each is a `Skipped("report.preliminary")`.

    Raises
    ------
    ValueError : the format is unknown.
    """
    if format not in (None, *FORMATS):
        raise ValueError(f"unknown report format {format!r}; known are {', '.join(FORMATS)}")
    for file in _files(path):
        found = iter([file]) if isinstance(file, Failure) else _read_file(file, columns, format, within=file != path)
        for item in found:
            unsigned = isinstance(item, Report) and item.status is ReportStatus.PRELIMINARY
            yield Skipped("report.preliminary") if unsigned and not preliminary else item


def _read_file(file: Path, columns: Mapping[str, str], format: str | None, within: bool) -> Iterator[Item]:
    try:
        kind = sniff.format_of(file, columns)
        if kind == sniff.NO_REPORT and within:
            yield Skipped("report.not_report")
        else:
            yield from _by(kind if format in (None, "auto") else format, file, columns)
    except OSError:
        yield decode.unreadable(file)


def _by(kind: str | None, file: Path, columns: Mapping[str, str]) -> Iterator[Item]:
    if kind is None:
        yield Failure("report.unknown_format", "A file of the report archive is of no known format.", path=str(file))
    elif kind == sniff.NO_REPORT:
        yield Failure(
            "report.not_report",
            "This file is no report: it is a document such as a README, a picture, a PDF, a packed file or a list of "
            "checksums. Name the format if it is one all the same.",
            path=str(file),
        )
    elif kind == "table":
        yield from table.read(file, columns)
    elif kind == "sr":
        from cxrreport.reports.readers import sr  # pydicom takes a while to load

        yield from sr.read(file)
    else:
        yield from {"text": text, "hl7": hl7, "fhir": fhir, "openi": openi}[kind].read(file)


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
