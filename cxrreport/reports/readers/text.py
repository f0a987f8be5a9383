"""Plain text reports, one a file, named by accession number or StudyInstanceUID."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cxrreport.records import Failure, Report
from cxrreport.reports import sections
from cxrreport.reports.readers import decode

MAX_BYTES = 1 << 20
_DATE_LINE = re.compile(
    r"^[ \t]*(?:(?:exam|study|report)[ \t]+)?date[ \t]*:[ \t]*(\S[^\n]{0,40})", re.IGNORECASE | re.MULTILINE
)


def read(path: Path) -> Iterator[Report | Failure]:
    """Read one report; the stem of the file name is its study UID or else its accession number.

    `reported_at` comes from a "DATE:" line (YYYY-MM-DD or YYYYMMDD) and is None without one.
    """
    try:
        text = _text(path)
    except OSError:
        yield decode.unreadable(path)
        return
    if text is None:
        yield Failure("report.too_large", "A text report is larger than 1 MB.", path=str(path))
        return
    found = sections.split(text)
    if not found.findings and not found.impression:
        yield Failure("report.empty", "A text report holds neither findings nor an impression.", path=str(path))
        return
    yield _report(path, text, found)


def _text(path: Path) -> str | None:
    if path.stat().st_size > MAX_BYTES:
        return None
    text = path.read_text(decode.encoding_of(path), errors="replace")
    return text.replace("\x00", "")


def _report(path: Path, text: str, found: sections.Sections) -> Report:
    name = decode.identifier(path.stem)
    by_uid = decode.is_uid(name)
    return Report(
        source=path.name,
        external_id=name,
        accession="" if by_uid else name,
        study_uid=name if by_uid else "",
        reported_at=_reported_at(text),
        findings=found.findings,
        impression=found.impression,
        comparison=found.comparison,
    )


def _reported_at(text: str) -> datetime | None:
    line = _DATE_LINE.search(text)
    return decode.moment(line.group(1)) if line else None
