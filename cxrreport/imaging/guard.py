"""What sees every element of a header before pydicom reads it: bounds on numbers, lengths and depth (PS3.5 section 7)."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import BinaryIO

from cxrreport.errors import HeaderError

_PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_CHARACTER_SET = 0x00080005  # which pydicom reads unasked
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED_LENGTH = 0xFFFFFFFF
_LONG_FORMS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_MAX_ELEMENTS = 20_000  # a radiograph's header has a few hundred
_MAX_NESTED = 200_000  # of all sequences together; objects of many frames have tens of thousands
_MAX_DEPTH = 64
_MAX_VALUE_BYTES = 1 << 20  # of an element that is asked for: five lookup tables of 16 bits are less
_ABSURD_BYTES = 1 << 28  # an overshoot this large is a corrupt length, not a cut file


class Guard:
    """pydicom's `stop_when`: stops at Pixel Data, or where a group ends, and refuses what no radiograph's header has.

    A sequence of undefined length that nobody asked for is never parsed: the stream is moved to its end.
    """

    def __init__(
        self, stream: BinaryIO, size: int, tags: Collection[int], little_endian: bool = True, group: int | None = None
    ) -> None:
        self.at_pixels = False
        self._order = "<" if little_endian else ">"
        self._stream = stream
        self._size = size
        self._tags = {*tags, _CHARACTER_SET}
        self._group = group
        self._seen = self._nested = 0

    def __call__(self, tag: int, vr: str | None, length: int) -> bool:
        """Judge one top-level element before its value is read, where the stream stands."""
        if tag in _PIXEL_TAGS or (self._group is not None and tag >> 16 != self._group):
            self.at_pixels = tag in _PIXEL_TAGS
            return True
        self._seen += 1
        if self._seen > _MAX_ELEMENTS:
            raise HeaderError("The header has too many elements.")
        if length != _UNDEFINED_LENGTH:
            self._require(length)
            wanted_bytes = length
        else:
            wanted_bytes = self._pass_by(explicit=vr is not None, again=tag in self._tags)
        if tag in self._tags and wanted_bytes > _MAX_VALUE_BYTES:
            raise HeaderError("The header holds a value longer than any of a radiograph.")
        return False

    def _require(self, length: int) -> None:
        """Refuse a value that goes beyond the end of the file."""
        beyond = self._stream.tell() + length - self._size
        if beyond > _ABSURD_BYTES:
            raise HeaderError("The header declares an element longer than the file.")
        if beyond > 0:
            raise HeaderError("The file ends inside its header.", code="header.incomplete")

    def _pass_by(self, explicit: bool, again: bool) -> int:
        """Move to the delimiter of a sequence of undefined length, and back if it is to be read; return its bytes.

        What has a length is leapt over; so only the depth of what has none must be known.
        """
        start, depth = self._stream.tell(), 1
        while depth:
            tag, length = self._next(explicit)
            if tag == _SEQUENCE_END:
                depth -= 1
            elif length != _UNDEFINED_LENGTH:
                self._require(length)
                self._stream.seek(length, 1)
            elif tag != _ITEM:
                depth += 1
            if depth > _MAX_DEPTH:
                raise HeaderError("The header nests sequences too deeply.", code="header.nested")
        end = self._stream.tell() - 8
        self._stream.seek(start if again else end)
        return end - start

    def _next(self, explicit: bool) -> tuple[int, int]:
        """(tag, length) of the next item, delimiter or element; an implicit one may stand among explicit ones."""
        self._nested += 1
        if self._nested > _MAX_NESTED:
            raise HeaderError("The header has too many elements.")
        head = self._read(8)
        group, element, letters, short = struct.unpack(f"{self._order}HH2sH", head)
        tag, length = group << 16 | element, int(struct.unpack(f"{self._order}I", head[4:])[0])
        if not explicit or group == 0xFFFE or not letters.isalpha() or not letters.isupper():
            return tag, length
        return tag, int(struct.unpack(f"{self._order}I", self._read(4))[0]) if letters in _LONG_FORMS else short

    def _read(self, count: int) -> bytes:
        found = self._stream.read(count)
        if len(found) < count:
            raise HeaderError("The file ends inside its header.", code="header.incomplete")
        return found
