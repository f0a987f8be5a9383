"""Readers of the hospital's report archive, one a format, each with `read`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cxrreport import DISCLAIMER
from cxrreport.codes import CODES
from cxrreport.files import storable
from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports.parsing import decode, sniff
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.readers import fhir, hl7, openi, pdf, table, text

__all__ = ["FORMATS", "Item", "Skipped", "files", "read_file", "read_path"]

FORMATS = ("auto", "text", "table", "hl7", "sr", "fhir", "openi", "pdf")
_SURE = (sniff.NO_REPORT, "pdf")  # in a folder of any format
Item = Report | Failure | Skipped


def read_path(
    path: Path, columns: Mapping[str, str], format: str | None = None, *, preliminary: bool = False
) -> Iterator[Item]:
    """Read every report of a file or a folder in this process; see `files` and `read_file`."""
    for file in files(path):
        found = read_file(file, columns, format, within=file != path, preliminary=preliminary)
        yield from (item for item in found if item is not None)


def files(root: Path) -> Iterator[Path]:
    """Regular files at or below `root`, in order of name; links and hidden files within a folder are left out.

    A folder that cannot be listed is among them: reading it tells so.
    """
    if not root.is_dir():
        yield root
        return
    open_folders = [(root, _names(root))]
    while open_folders:
        folder, names = open_folders[-1]
        for name, is_folder in names:
            path = folder / name
            if is_folder:
                open_folders.append((path, _names(path)))
                break
            yield path
        else:
            open_folders.pop()


def _names(folder: Path) -> Iterator[tuple[str, bool]]:
    """Names of files and folders in a folder, each with whether it is a folder; never a link, a FIFO or the like.

    "" alone, which is the folder itself, where it cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            shown = [one for one in found if not one.name.startswith(".") and not one.is_symlink()]
            kinds = [(one, one.is_dir(follow_symlinks=False)) for one in shown]
            kept = [(one.name, is_dir) for one, is_dir in kinds if is_dir or one.is_file(follow_symlinks=False)]
        return iter(sorted(kept))
    except OSError:
        return iter([("", False)])


def read_file(
    file: Path,
    columns: Mapping[str, str],
    format: str | None = None,
    *,
    within: bool,
    preliminary: bool = False,
    references: Path | None = None,
) -> Iterator[Item | None]:
    """Read every report of a file; None among them is a sign of life.

    What is plainly no report (README, pictures, bills, packed files) is a `Skipped("report.not_report")` within a folder,
    whatever the format; a file that is named itself is a failure then, unless its format is named too.

    Parameters
    ----------
    columns : our field names to a table's column names (see `table.read`).
    format : one of `FORMATS`; None and "auto" choose by the content of each file.
    within : the file was found within a folder that was named.
    preliminary : take reports that nobody has signed yet, too; else each is a `Skipped("report.preliminary")`. A draft of
        ours that nobody has signed is always a `Skipped("report.draft")`.
    references : where the resources of FHIR exports lie (`fhir_index`).

    Raises
    ------
    ValueError : the format is unknown.
    """
    if format not in (None, *FORMATS):
        raise ValueError(f"unknown report format {format!r}; known are {', '.join(FORMATS)}")
    for item in _read_file(file, columns, format, within, references):
        if not isinstance(item, Report):
            yield item
        elif not _is_writable(item):
            yield decode.malformed(file, "A report holds halves of characters, which no text has.")
        else:
            yield _unsigned(item, preliminary) or item


def _unsigned(report: Report, preliminary: bool) -> Skipped | None:
    """Why a report that nobody has signed is left out: it is a draft of ours, or such reports are not wanted."""
    if report.status is not ReportStatus.PRELIMINARY:
        return None
    if any(DISCLAIMER in said for said in (report.findings, report.impression, report.comparison)):
        return Skipped("report.draft")
    return None if preliminary else Skipped("report.preliminary")


def _is_writable(report: Report) -> bool:
    """Can all that is said be written? A lone surrogate, half a character, cannot."""
    values = (getattr(report, name) for name in Report.__slots__)
    try:
        "".join(value for value in values if isinstance(value, str)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_file(
    file: Path, columns: Mapping[str, str], format: str | None, within: bool, references: Path | None
) -> Iterator[Item | None]:
    if (shown := storable(file)) != str(file):
        yield Failure("path.name", CODES["path.name"].sentence, path=shown)
        return
    try:
        if not file.is_file():
            raise FileNotFoundError
        kind = sniff.format_of(file, columns)
        chosen = kind if format in (None, "auto") or (within and kind in _SURE) else format
        for item in _by(chosen, file, columns, references):
            yield item if within or item != Skipped("report.not_report") else _not_report(file)
    except OSError:
        yield decode.unreadable(file)


def _by(kind: str | None, file: Path, columns: Mapping[str, str], references: Path | None) -> Iterator[Item | None]:
    if kind is None:
        yield Failure("report.unknown_format", "A file of the report archive is of no known format.", path=str(file))
    elif kind == sniff.NO_REPORT:
        yield Skipped("report.not_report")
    elif kind == "table":
        yield from table.read(file, columns)
    elif kind == "fhir":
        yield from fhir.read(file, references)
    elif kind == "sr":
        from cxrreport.reports.readers import sr  # pydicom takes a while to load

        yield from sr.read(file)
    else:
        yield from {"text": text, "hl7": hl7, "openi": openi, "pdf": pdf}[kind].read(file)


def _not_report(file: Path) -> Failure:
    return Failure(
        "report.not_report",
        "This file is no report: it is a document such as a README, a picture, a PDF without findings and impression, "
        "a packed file or a list of checksums. Name the format if it is one all the same.",
        path=str(file),
    )
