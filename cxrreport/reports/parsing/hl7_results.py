"""What the OBX and NTE rows of one HL7 v2 order say: sections, codes, encapsulated documents."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from cxrreport.reports.headings import has_sections, section_named
from cxrreport.reports.parsing import assemble, decode, pdf
from cxrreport.reports.parsing.hl7_segments import Segment

_TEXT_TYPES = frozenset({"", "TX", "FT", "ST", "CE", "CWE", "CNE", "NM", "SN", "IS", "ID"})
_REASONS = frozenset({"1R", "2R", "GR"})  # HL7 table 0364: primary, secondary and general reason
_WORD = re.compile(r"[^\W\d_]{3}")
STUDY_UID_CODES = frozenset({"113014", "110180", "0020000D"})  # DICOM Study, Study Instance UID


def is_reason(row: Segment) -> bool:
    """Is it a note that says why the examination was made?"""
    return row.name == "NTE" and row.component(4, 1).upper() in _REASONS


def parts(rows: Sequence[Segment]) -> list[assemble.Part]:
    """Section and text of each row, reasons left out; with documents within where no row has a section of a report.

    A note belongs to the section of the row that it follows. "See the attached document" may be all that the rows say, or
    they may be the report: words stay beside the document, a dose does not.

    Raises
    ------
    ValueError : a document cannot be read; the message, the rest of a sentence, quotes nothing.
    """
    found, section = [], ""
    for row in rows:
        if row.name == "NTE" and not is_reason(row):
            found.append((section, row.prose(3)))
        elif _is_text(row):
            section = section_of(row)
            found.append((section, row.prose(5)))
    if any(text.strip() and (section or has_sections(text)) for section, text in found):
        return found
    words = [("findings", text) for _, text in found if _WORD.search(text)]
    try:
        documents = [(section_of(row), _readable(data)) for row in rows if (data := document(row))]
    except ValueError:
        if words:
            return found
        raise
    return [*words, *documents] if any(text.strip() for _, text in documents) else found


def any_scanned(rows: Sequence[Segment]) -> bool:
    """Does a row hold a PDF without a text layer?"""
    return any(data.startswith(pdf.MARK) and not pdf.text_of(data) for row in rows if (data := document(row)))


def section_of(row: Segment) -> str:
    """The section that OBX-3 tells by a LOINC or DICOM code, a suffix ("&IMP", "1234&GDT"), else by its name."""
    atoms = row.delimiters.atoms(row.field(3))
    coded = (assemble.SECTIONS.get(part.upper(), "") for part in atoms)
    return next(filter(None, coded), "") or next(filter(None, map(section_named, atoms)), "")


def document(row: Segment) -> bytes:
    """The bytes of a document that a row of type ED encapsulates (HL7 v2.8 2A.2.24); b"" where there are none.

    Raises
    ------
    ValueError : they are not in the encoding that the row names.
    """
    if row.name != "OBX" or row.component(2, 1).upper() != "ED":
        return b""
    named = [*row.field(5).split(row.delimiters.component), *[""] * 5]
    encoding, data = named[3].strip().upper(), "".join(row.delimiters.unescape(named[4]).split())
    try:
        if encoding == "BASE64":
            return base64.b64decode(data, validate=True)
        return bytes.fromhex(data) if encoding == "HEX" else named[4].encode("utf-8", "replace")
    except ValueError:
        raise ValueError("holds a document that cannot be decoded") from None


def _is_text(row: Segment) -> bool:
    coded = row.component(3, 1).upper() in STUDY_UID_CODES
    return row.name == "OBX" and row.component(2, 1).upper() in _TEXT_TYPES and not coded


def _readable(data: bytes) -> str:
    """Text, RTF and HTML as they are, the text layer of a PDF; "" for anything else."""
    if data.startswith(pdf.MARK):
        return _of_pdf(data)
    text = decode.characters(data)
    return "" if "\x00" in text else text


def _of_pdf(data: bytes) -> str:
    try:
        return pdf.report_in(data)
    except ValueError as error:
        raise ValueError(f"holds a PDF that {error}") from None
