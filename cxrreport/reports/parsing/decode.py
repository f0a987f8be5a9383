"""What the readers share: encodings, dates, identities and the failures they report."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cxrreport.records import Failure

_UID = re.compile(r"[0-9]+(?:\.[0-9]+){2,}")
_CHUNK = 1 << 20
_DATE_FORMATS = ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of the archive that is sound but no signed report of a chest radiograph; the code says what."""

    code: str


def encoding_of(path: Path) -> str:
    """Find the encoding of a text file: its byte order mark, else UTF-8 where all of it is valid, else Latin-1.

    Raises
    ------
    OSError : the file cannot be read.
    """
    with path.open("rb") as file:
        chunk = file.read(_CHUNK)
        if chunk.startswith(UTF16_MARKS):
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


def chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file piece by piece without its byte order mark; UTF-16 becomes UTF-8.

    Raises
    ------
    OSError : the file cannot be read.
    """
    with path.open("rb") as file:
        chunk = file.read(_CHUNK).removeprefix(codecs.BOM_UTF8)
        decoder = codecs.getincrementaldecoder("utf-16")("replace") if chunk.startswith(UTF16_MARKS) else None
        while chunk:
            yield decoder.decode(chunk).encode("utf-8", "replace") if decoder else chunk
            chunk = file.read(_CHUNK)


def characters(data: bytes, encoding: str = "") -> str:
    """Decode text: by the named encoding, else as UTF-8 where all of it is valid, else as Windows' Latin-1."""
    for name in filter(None, (encoding, "utf-8")):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def prose(text: str) -> str:
    """Text as a database and a terminal can hold it: line feeds alone end lines, other control characters are gone."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


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


def hl7_moment(text: str) -> datetime | None:
    """Read an HL7 or DICOM time, YYYYMMDD[HH[MM[SS[.S…]]]][+/-ZZZZ]; None where it is no date."""
    digits = re.match(r"\d*", text.strip(), re.ASCII)
    found = digits.group() if digits else ""
    return moment(found + "00" if len(found) == 10 else found[:14]) if len(found) >= 8 else None


def _parsed(digits: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(digits, form)
    except ValueError:
        return None


def malformed(path: Path, what: str) -> Failure:
    """Something of a file is broken; `what` begins with its position ("Message 3 of …") and quotes nothing."""
    return Failure("report.malformed", what, path=str(path))


def too_large(path: Path, what: str) -> Failure:
    """Something of a file is larger than any report."""
    return Failure("report.too_large", what, path=str(path))


def unreadable(path: Path) -> Failure:
    """The file cannot be opened or read."""
    return Failure("report.unreadable", "A report file cannot be read; check its permissions.", path=str(path))
