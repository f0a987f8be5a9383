r"""Segments of an HL7 v2.5.1 message: fields, escapes and moments (HL7 v2.5.1 chapter 2).

A text of several lines is of type FT, where `\.br\` ends a line; anywhere else a line end becomes a space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from cxrreport.export.coding import Coding

_SPECIAL = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_NEWLINE = re.compile(r"\r\n?|\n")
# What ends a segment or a frame, or for some readers a line, and other signs that nobody sees.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def escape(text: str) -> str:
    """A text as a part of a field, on one line."""
    return _escape(_NEWLINE.sub(" ", text))


def escape_lines(text: str) -> str:
    """A text of several lines as a field of type FT."""
    return "\\.br\\".join(map(_escape, _NEWLINE.split(text)))


def _escape(text: str) -> str:
    return _HIDDEN.sub(lambda sign: f"\\X{sign[0].encode().hex().upper()}\\", text.translate(_SPECIAL))


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment of fields by their numbers of the standard; empty ones at the end are left out."""
    filled = {number: value for number, value in fields.items() if value}
    return "|".join([name, *(filled.get(number, "") for number in range(1, max(filled, default=0) + 1))])


def coded(*codings: Coding) -> str:
    """One or two codings of the same thing as one field (CE, CWE)."""
    return "^".join(escape(part) for one in codings for part in (one.code, one.display, one.scheme))


def moment(when: datetime | None, time_known: bool = True) -> str:
    """A time as it is written, to the second; with a zone only where it has one. The date where the time is not known."""
    if when is None:
        return ""
    return when.strftime("%Y%m%d%H%M%S%z" if time_known else "%Y%m%d")
