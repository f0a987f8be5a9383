"""What the readers share: encodings, dates, identities and the failures they report."""

from __future__ import annotations

import codecs
import re
from datetime import datetime
from pathlib import Path

from cxrreport.records import Failure

_UID = re.compile(r"[0-9]+(?:\.[0-9]+){2,}")
_CHUNK = 1 << 20
_DATE_FORMATS = ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def encoding_of(path: Path) -> str:
    """Find the encoding of a text file: its byte order mark, else UTF-8 where all of it is valid, else Latin-1.

    Raises
    ------
    OSError : the file cannot be read.
    """
    with path.open("rb") as file:
        chunk = file.read(_CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8-sig"


def is_uid(text: str) -> bool:
    """Tell a DICOM UID (digits and at least two dots) from an accession number."""
    return _UID.fullmatch(text) is not None


def identifier(text: str) -> str:
    """An identifier as a database can hold it: no control characters, no space around."""
    return _CONTROL.sub("", text).strip()


def moment(text: str) -> datetime | None:
    """Read YYYY-MM-DD or YYYYMMDD with or without a time, on the hospital's own clock; None where it is no date.

    A time zone is dropped rather than converted: studies are dated by the hospital's own clock too.
    """
    text = text.strip()
    digits = re.sub(r"[-:T ]", "", text.partition(".")[0])
    for form in _DATE_FORMATS:
        if digits.isascii() and digits.isdigit() and len(digits) == len(datetime(2000, 1, 1).strftime(form)):
            return _parsed(digits, form)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _parsed(digits: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(digits, form)
    except ValueError:
        return None


def unreadable(path: Path) -> Failure:
    """The file cannot be opened or read."""
    return Failure("report.unreadable", "A report file cannot be read; check its permissions.", path=str(path))
