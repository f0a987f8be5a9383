"""Reports of plain text or RTF, one a file, named by accession number or StudyInstanceUID, or laid out as MIMIC-CXR's are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cxrreport import indications
from cxrreport.records import Failure, Report
from cxrreport.reports import sections
from cxrreport.reports.parsing import assemble, dates, decode

MAX_BYTES = 1 << 20
_MIMIC = re.compile(r"p(\d\d)/p(\1\d+)/s(\d+)\.txt")
_DATE_LINE = re.compile(
    r"^[ \t]*(?:(?:exam|study|report)[ \t]+)?date[ \t]*:[ \t]*(\S[^\n]{0,40})", re.IGNORECASE | re.MULTILINE
)


def read(path: Path) -> Iterator[Report | Failure]:
    """Read one report; the stem of the file name is its study UID or else its accession number.

    In a tree `p10/p10000032/s50414267.txt` (MIMIC-CXR) the folder names the patient and the file the accession number.
    `reported_at` comes from a "DATE:" line (YYYY-MM-DD or YYYYMMDD) and is None without one.
    """
    data = decode.whole(path, MAX_BYTES)
    if data is None:
        yield decode.too_large(path, "A text report is larger than 1 MB.")
        return
    text = decode.characters(data)
    yield parse(path, assemble.plain(text) if text.lstrip().startswith(assemble.RTF) else decode.prose(text))


def parse(path: Path, text: str, above: str = "") -> Report | Failure:
    """The report that a text is; see `read`. Its date may stand in what is `above`, a letterhead."""
    found = sections.split(text)
    if found.is_empty:
        return Failure("report.empty", "A text report holds neither findings nor an impression.", path=str(path))
    name, patient_id = decode.identifier(path.stem), ""
    by_uid = decode.is_uid(name)
    accession = "" if by_uid else name
    if mimic := _MIMIC.fullmatch("/".join(path.parts[-3:])):
        patient_id, accession = mimic[2], mimic[3]
    return Report(
        source=path.name,
        external_id=name,
        accession=accession,
        study_uid=name if by_uid else "",
        patient_id=patient_id,
        reported_at=_reported_at(f"{above}\n{text}"),
        findings=found.findings,
        impression=found.impression,
        comparison=found.comparison,
        indication=indications.choose([found.indication]),
        addendum=found.addendum,
    )


def _reported_at(text: str) -> datetime | None:
    line = _DATE_LINE.search(text)
    return dates.moment(line.group(1)) if line else None
