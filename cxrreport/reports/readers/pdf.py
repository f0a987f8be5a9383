"""PDFs with a text layer, one report a file, named by accession number or StudyInstanceUID as plain text is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cxrreport.records import Failure, Report
from cxrreport.reports import sections
from cxrreport.reports.parsing import decode, pdf, scope
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.readers import text

_TEXTS = (".txt", ".text", ".rpt", ".rtf", ".hl7")


def read(path: Path) -> Iterator[Report | Failure | Skipped]:
    """Read one report; the page that is only a picture is counted as `report.scanned`.

    A PDF beside a file of the same name that holds the text is its printed copy and is left out.
    """
    if _has_text(path):
        yield Skipped("report.copy")
        return
    data = decode.whole(path, pdf.MAX_BYTES)
    if data is None:
        yield decode.too_large(path, "A PDF is larger than 32 MB.")
        return
    try:
        found = pdf.text_of(data)
    except ValueError as error:  # of our own: quotes nothing
        yield decode.malformed(path, f"A PDF {error}.")
        return
    shown = pdf.report_of(found)
    if not shown:
        yield Skipped("report.not_report" if found else "report.scanned")
    elif scope.is_other("", [sections.split(shown).technique.partition("\n")[0]]):
        yield Skipped("report.not_chest")
    else:
        yield text.parse(path, shown, above=found)


def _has_text(path: Path) -> bool:
    """Does a file of the same name hold the text of a report?"""
    return any(_is_report(other) for other in map(path.with_suffix, _TEXTS) if other.is_file())


def _is_report(path: Path) -> bool:
    with suppress(OSError):
        if path.suffix == ".hl7":
            return path.stat().st_size > 0
        return any(isinstance(one, Report) for one in text.read(path))
    return False
