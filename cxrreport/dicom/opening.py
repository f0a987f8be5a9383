"""Read the leading part of a DICOM data set defensively: bounded memory, bounded time, no value ever printed.

pydicom's own `dcmread` inflates a whole deflated file first, lets a cut header pass in silence and recurses into
hostile sequences. Here the same parser runs under a guard that sees every element before it is read (PS3.10, PS3.5).
"""

from __future__ import annotations

import io
import logging
import os
import re
import struct
import warnings
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_preamble

from cxrreport.dicom.guard import Guard
from cxrreport.errors import HeaderError

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
GE_IMPLICIT = "1.2.840.113619.5.2"
_META_TAGS = [0x00020002, 0x00020010]  # SOP class and transfer syntax
_CHUNK_BYTES = 1 << 20

# pydicom's warnings quote raw values, patients' names among them.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\b")


class NotDicomError(Exception):
    """The file is something else; nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The elements before Pixel Data; `stream` stands at Pixel Data where `at_pixels`, and ends at `size` bytes."""

    dataset: Dataset
    sop_class_uid: str
    transfer_syntax: str
    little_endian: bool
    at_pixels: bool
    stream: BinaryIO
    size: int


@contextmanager
def open_head(path: str, tags: Collection[int], max_inflated: int, keep_inflated: int | None = None) -> Iterator[Head]:
    """Open a file and parse the elements in `tags` up to Pixel Data, as `parse_head` does.

    Raises
    ------
    NotDicomError, HeaderError : as `parse_head`, and `header.unreadable`.
    """
    try:
        with open(path, "rb") as file:
            yield parse_head(file, os.fstat(file.fileno()).st_size, tags, max_inflated, keep_inflated)
    except OSError:
        raise HeaderError("The file cannot be read.", code="header.unreadable") from None


def parse_head(
    file: BinaryIO, size: int, tags: Collection[int] | None, max_inflated: int, keep_inflated: int | None = None
) -> Head:
    """Parse the elements in `tags`, or all (None), up to Pixel Data, of a file of `size` bytes.

    A deflated data set is refused when it inflates past `max_inflated` bytes; its first `keep_inflated` bytes are held.

    Raises
    ------
    NotDicomError : no preamble, and no data set that begins with valid elements of group 8.
    HeaderError : `header.malformed`, `header.incomplete`, `header.nested` or `header.too_large`.
    """
    head = file.read(512)
    if head[128:132] != b"DICM" and not _begins_with_group_8(head, size):
        raise NotDicomError
    file.seek(0)
    try:
        return _parse_guarded(
            file, size, None if tags is None else list(tags), (max_inflated, keep_inflated or max_inflated)
        )
    except (HeaderError, OSError, MemoryError):
        raise
    except RecursionError:
        raise HeaderError("The header nests sequences too deeply.", code="header.nested") from None
    except Exception:  # whatever pydicom raises on hostile bytes: the text may quote values
        raise HeaderError("The header cannot be parsed.") from None


def _begins_with_group_8(head: bytes, size: int) -> bool:
    """True when the bytes begin with three ascending little endian elements of groups 2 or 8 of credible length."""
    at, previous = 0, -1
    for _ in range(3):
        if at + 12 > len(head):
            return False
        group, element, letters, short = struct.unpack_from("<HH2sH", head, at)
        if group not in (0x0002, 0x0008) or (group << 16 | element) <= previous:
            return False
        explicit = re.fullmatch(rb"[A-Z]{2}", letters) is not None
        long_form = letters in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        length = short if explicit and not long_form else struct.unpack_from("<I", head, at + (8 if explicit else 4))[0]
        at += (12 if explicit and long_form else 8) + length
        if at > size:
            return False
        previous = group << 16 | element
    return True


def _parse_guarded(file: BinaryIO, size: int, tags: list[int] | None, limits: tuple[int, int]) -> Head:
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=Guard(file, size, _META_TAGS, group=2), specific_tags=_META_TAGS)
    syntax = str(meta.get("TransferSyntaxUID", "") or "").strip()
    stream: BinaryIO = file
    if syntax == DEFLATED:
        stream, size = _inflate(file, *limits)
    implicit, little_endian = _encoding(stream, syntax)
    guard = Guard(stream, size, tags, little_endian)
    dataset = read_dataset(stream, implicit, little_endian, stop_when=guard, specific_tags=tags)
    if not syntax:
        syntax = IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE if little_endian else EXPLICIT_BIG
    sop_class = str(dataset.get("SOPClassUID", "") or meta.get("MediaStorageSOPClassUID", "") or "")
    return Head(dataset, sop_class, syntax, little_endian, guard.at_pixels, stream, size)


def _inflate(file: BinaryIO, max_bytes: int, keep_bytes: int) -> tuple[BinaryIO, int]:
    """Inflate the rest of the file (PS3.5 A.5), never past the limit. A cut stream gives what there is of it."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    kept, size = io.BytesIO(), 0
    while not inflater.eof and (chunk := inflater.unconsumed_tail or file.read(_CHUNK_BYTES)):
        inflated = inflater.decompress(chunk, _CHUNK_BYTES)
        size += len(inflated)
        if size > max_bytes:
            raise HeaderError("The deflated data set is larger than allowed.", code="header.too_large")
        kept.write(inflated[: max(0, keep_bytes - kept.tell())])
    kept.seek(0)
    return kept, size


def _encoding(stream: BinaryIO, syntax: str) -> tuple[bool, bool]:
    """Return (implicit VR, little endian) of the syntax; without one, look at the first element as pydicom does."""
    if syntax:
        return syntax in (IMPLICIT_LITTLE, GE_IMPLICIT), syntax != EXPLICIT_BIG
    first = stream.read(6)
    stream.seek(-len(first), 1)
    explicit = re.fullmatch(rb"[A-Z]{2}", first[4:6]) is not None
    return not explicit, not explicit or struct.unpack("<H", first[:2])[0] < 0x0400
