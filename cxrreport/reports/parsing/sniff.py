"""Which reader a file needs, told from its first bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from cxrreport.reports.parsing import assemble, decode, documents, pdf
from cxrreport.reports.parsing.columns import KNOWN

HEAD_BYTES = 8192
NO_REPORT = "no report"
_HL7 = re.compile(r"^(?:\x0b|<SB>)|^(?:MSH|FHS|BHS)(?![A-Za-z0-9\s])", re.MULTILINE)
_SR_CLASS = b"1.2.840.10008.5.1.4.1.1.88."
_HEADING = re.compile(r"^[ \t]*(?:findings|impression)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_TEXT_SUFFIXES = frozenset({".txt", ".text", ".rpt"})
_TABLE_SUFFIXES = frozenset({".csv", ".tsv"})


def format_of(path: Path, columns: Mapping[str, str]) -> str | None:
    """Name of the reader, `NO_REPORT` for what is plainly none, or None for a file of no known kind.

    The ending of the name is asked last: plain text needs one of its own (or none and a heading), and a table without
    any known column does. A README may quote a message, and a picture's bytes may look like one: these go first.

    Raises
    ------
    OSError : the file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(HEAD_BYTES)
    if data[128:132] == b"DICM" or (data[:2] == b"\x08\x00" and _SR_CLASS in data):
        return "sr"
    if documents.is_document(path) or documents.is_binary(path, data):
        return NO_REPORT
    if data.lstrip().startswith(pdf.MARK):
        return "pdf"
    text = data.decode("utf-16" if data.startswith(decode.UTF16_MARKS) else "utf-8-sig", "replace")
    if _HL7.search(text.partition("\0")[0]):  # the first message comes before any binary data
        return "hl7"
    suffix = path.suffix.lower()
    odd = "\x00" in text or data.startswith((b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))
    kind = None if odd else _of_text(text, suffix, columns)
    if (kind is None and suffix in documents.SUFFIXES) or (kind in (None, "text") and documents.is_checksums(text)):
        return NO_REPORT
    return kind


def _of_text(text: str, suffix: str, columns: Mapping[str, str]) -> str | None:
    start = text.lstrip()
    if start.startswith(assemble.RTF):
        return "text"
    if start.startswith(("{", "[")):
        return "fhir" if re.search(r'"resourceType"\s*:', start) else "table" if start.startswith("{") else None
    if start.startswith("<"):
        return "openi" if "<eCitation" in text else None
    if _has_known_column(start, columns) or suffix in _TABLE_SUFFIXES:
        return "table"
    is_text = suffix in _TEXT_SUFFIXES or (not suffix.strip(".0123456789") and _HEADING.search(text))
    return "text" if is_text else None


def _has_known_column(start: str, columns: Mapping[str, str]) -> bool:
    """Is the first line, behind Excel's "sep=;", a header of at least two columns, one of them known?"""
    first, _, rest = start.partition("\n")
    header = rest.partition("\n")[0] if first.lower().startswith("sep=") else first
    known = KNOWN | {name.lower() for name in columns.values()}
    cells = [cell.strip().strip('"').lower() for cell in re.split(r"[,;\t|]", header)]
    return len(cells) > 1 and any(cell in known for cell in cells) and all(len(cell) <= 64 for cell in cells)
