"""What the OBX and NTE rows of one HL7 v2 order say: sections, codes, encapsulated documents."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cxrreport.reports.headings import section_named
from cxrreport.reports.parsing import assemble, decode, pdf
from cxrreport.reports.parsing.hl7_segments import Segment

_TEXT_TYPES = frozenset({"", "TX", "FT", "ST", "CE", "CWE", "CNE", "NM", "SN", "IS", "ID"})
_REASONS = frozenset({"1R", "2R", "GR"})  # HL7 table 0364: primary, secondary and general reason
STUDY_UID_CODES = frozenset({"113014", "110180", "0020000D"})  # DICOM Study, Study Instance UID


def is_reason(row: Segment) -> bool:
    """Is it a note that says why the examination was made?"""
    return row.name == "NTE" and row.component(4, 1).upper() in _REASONS


def parts(rows: Sequence[Segment]) -> list[assemble.Part]:
    """Section and text of each row, reasons left out; where no row has a text of its own, those of documents within.

    A note belongs to the section of the row that it follows.
    """
    found, section = [], ""
    for row in rows:
        if row.name == "NTE" and not is_reason(row):
            found.append((section, row.prose(3)))
        elif _is_text(row):
            section = section_of(row)
            found.append((section, row.prose(5)))
    said = any(text.strip() for _, text in found)
    return found if said else [(section_of(row), _readable(data)) for row in rows if (data := document(row))]


def any_scanned(rows: Sequence[Segment]) -> bool:
    """Does a row hold a PDF?"""
    return any(document(row).startswith(pdf.MARK) for row in rows)


def section_of(row: Segment) -> str:
    """The section that OBX-3 tells by a LOINC or DICOM code, a suffix ("&IMP", "1234&GDT"), else by its name."""
    atoms = row.delimiters.atoms(row.field(3))
    coded = (assemble.SECTIONS.get(part.upper(), "") for part in atoms)
    return next(filter(None, coded), "") or next(filter(None, map(section_named, atoms)), "")


def document(row: Segment) -> bytes:
    """The bytes of a document that a row of type ED encapsulates (HL7 v2.8 2A.2.24); b"" where there are none."""
    if row.name != "OBX" or row.component(2, 1).upper() != "ED":
        return b""
    named = [*row.field(5).split(row.delimiters.component), *[""] * 5]
    encoding, data = named[3].strip().upper(), "".join(row.delimiters.unescape(named[4]).split())
    try:
        if encoding == "BASE64":
            return base64.b64decode(data, validate=True)
        return bytes.fromhex(data) if encoding == "HEX" else named[4].encode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return b""


def _is_text(row: Segment) -> bool:
    coded = row.component(3, 1).upper() in STUDY_UID_CODES
    return row.name == "OBX" and row.component(2, 1).upper() in _TEXT_TYPES and not coded


def _readable(data: bytes) -> str:
    """Text, RTF and HTML as they are, the text layer of a PDF; "" for anything else."""
    if data.startswith(pdf.MARK):
        return _of_pdf(data)
    return "" if b"\x00" in data else decode.characters(data)


def _of_pdf(data: bytes) -> str:
    try:
        return pdf.report_of(pdf.text_of(data))
    except ValueError:
        return ""
