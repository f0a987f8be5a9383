"""The text layer of a PDF. pypdf is slow and meets whatever strangers write: for child processes with limits."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from io import BytesIO

from cxrreport.reports.headings import find_headings, has_sections
from cxrreport.reports.parsing import assemble, decode

MARK = b"%PDF-"
MAX_BYTES = 32 << 20
MAX_PAGES = 40  # a report has one or two
_EDGE = 8  # lines
_TAIL = 1024  # bytes that may follow the end mark or stand before it (PDF 32000 annex H)
_NUMBER = re.compile(r"\s*(?:page\s*)?\d{1,2}\s*(?:of|/)\s*\d{1,2}\s*|\s*page\s*\d{1,2}\s*", re.IGNORECASE)


def text_of(data: bytes) -> str:
    """Text of all pages, in order; "" where the pages are pictures alone (scanned).

    Raises
    ------
    ValueError : cut, broken, locked by a password, or a report of more pages than any has; the message quotes nothing.
    """
    from pypdf import PdfReader  # takes a while to load

    if b"%%EOF" not in data.rstrip(b"\x00")[-_TAIL:]:  # pypdf would give the pages that are there
        raise ValueError("ends too early")
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings quote what they meet
    try:
        pages = PdfReader(BytesIO(data)).pages
        texts = [page.extract_text() for page in pages[:MAX_PAGES]]
        more = len(pages) > MAX_PAGES
    except MemoryError:
        raise
    except Exception:  # pypdf raises nearly anything on broken data
        raise ValueError("is broken, or locked by a password") from None
    text = decode.prose("\n".join(_without_frames([text.splitlines() for text in texts])))
    if more and report_of(text):
        raise ValueError("has more pages than any report")
    return text


def _without_frames(pages: list[list[str]]) -> Iterator[str]:
    """Lines of all pages but numbers of pages, and what stands at the head or the foot of each: names, for the most part."""
    edges = [{line.strip() for line in (*page[:_EDGE], *page[-_EDGE:])} for page in pages]
    frame = set.intersection(*edges) if len(pages) > 1 else set()
    for page in pages:
        for number, line in enumerate(page):
            at_edge = number < _EDGE or number >= len(page) - _EDGE
            if not (at_edge and line.strip() in frame) and not _NUMBER.fullmatch(line):
                yield line


def report_of(text: str) -> str:
    """The report on the pages: from its first heading on, for above is the letterhead; "" where no heading is a report's.

    A PDF that lies in the archive may be a manual or a bill: findings or an impression must be headed.
    """
    if not has_sections(text):
        return ""
    return assemble.unsigned(text[next(one.start for one in find_headings(text) if one.section) :])


def report_in(data: bytes) -> str:
    """The report of a PDF that a message gives for one: all of its text where nothing is headed. Raises as `text_of`."""
    text = text_of(data)
    return report_of(text) or text
