"""What the readers share: encodings, identities and the failures they report."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, AnyStr

from cxrreport.records import Failure, visible

_UID = re.compile(r"[0-9]+(?:\.[0-9]+){2,}")
_CHUNK = 1 << 20
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of the archive that is sound but no signed report of a chest radiograph; the code says what."""

    code: str


def encoding_of(path: Path) -> str:
    """Find the encoding of a text file by the rule of `characters`, piece by piece.

    Raises
    ------
    OSError : the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(2) in UTF16_MARKS:
            return "utf-16"
    with path.open(encoding="utf-8-sig") as file:
        try:
            while file.read(_CHUNK):
                pass
        except UnicodeDecodeError:
            return "cp1252"
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


def whole(path: Path, most: int) -> bytes | None:
    """All bytes of a file; None where there are more than `most`.

    Raises
    ------
    OSError : the file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    return data if len(data) <= most else None


def lines(file: IO[AnyStr], longest: int) -> Iterator[AnyStr | None]:
    """Lines of a file; None for one that is longer: nothing cut passes as whole."""
    while line := file.readline(longest):
        whole = ended = len(line) < longest or line[-1:] in ("\n", b"\n")
        while not ended and (rest := file.readline(longest)):
            ended = rest[-1:] in ("\n", b"\n")
        yield line if whole else None


def characters(data: bytes, encoding: str = "") -> str:
    """Decode text: by the named encoding, its byte order mark, as UTF-8 where all of it is valid, else as Windows' Latin-1."""
    if not encoding and data.startswith(UTF16_MARKS):
        return data.decode("utf-16", "replace")
    for name in filter(None, (encoding, "utf-8-sig")):
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


identifier = visible  # one rule for the numbers of reports and of images


def fingerprint(*told: str) -> str:
    """Name a report by what it tells, where it has no number of its own."""
    return hashlib.sha256("\n".join(filter(None, told)).encode("utf-8", "replace")).hexdigest()[:16]


def malformed(path: Path, what: str) -> Failure:
    """Something of a file is broken; `what` begins with its position ("Message 3 of …") and quotes nothing."""
    return Failure("report.malformed", what, path=str(path))


def too_large(path: Path, what: str) -> Failure:
    """Something of a file is larger than any report."""
    return Failure("report.too_large", what, path=str(path))


def unreadable(path: Path) -> Failure:
    """The file cannot be opened or read."""
    return Failure("report.unreadable", "A report file cannot be read; check its permissions.", path=str(path))
