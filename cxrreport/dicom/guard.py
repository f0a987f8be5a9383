"""What sees every element of a header before pydicom reads it: bounds on numbers, lengths and depth (PS3.5 section 7)."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import BinaryIO

from cxrreport.errors import HeaderError

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
CHARACTER_SET = 0x00080005  # which pydicom reads unasked
ITEM, SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
UNDEFINED_LENGTH = 0xFFFFFFFF
LONG_FORMS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
MAX_ELEMENTS = 20_000  # a radiograph's header has a few hundred
_MAX_NESTED = 200_000  # of all sequences together; objects of many frames have tens of thousands
MAX_DEPTH = 64
_MAX_VALUE_BYTES = 1 << 20  # of an element that is asked for: five lookup tables of 16 bits are less
_ABSURD_BYTES = 1 << 28  # an overshoot this large is a corrupt length, not a cut file


class Guard:
    """pydicom's `stop_when`: stops at Pixel Data, or where a group ends, and refuses what no header or report has.

    Of the elements in `tags`, or of all (None), what their sequences hold is counted at every depth. A sequence of
    undefined length that nobody asked for is never parsed: the stream is moved to its end.
    """

    def __init__(
        self,
        stream: BinaryIO,
        size: int,
        tags: Collection[int] | None,
        little_endian: bool = True,
        group: int | None = None,
    ) -> None:
        self.at_pixels = False
        self._order = "<" if little_endian else ">"
        self._stream = stream
        self._size = size
        self._tags = None if tags is None else {*tags, CHARACTER_SET}
        self._item = struct.pack(f"{self._order}HH", ITEM >> 16, ITEM & 0xFFFF)
        self._group = group
        self._seen = self._nested = 0

    def __call__(self, tag: int, vr: str | None, length: int) -> bool:
        """Judge one top-level element before its value is read, where the stream stands."""
        if tag in PIXEL_TAGS or (self._group is not None and tag >> 16 != self._group):
            self.at_pixels = tag in PIXEL_TAGS
            return True
        self._seen += 1
        if self._seen > MAX_ELEMENTS:
            raise HeaderError("The header has too many elements.")
        explicit, start = vr is not None, self._stream.tell()
        wanted = self._tags is None or tag in self._tags
        if length == UNDEFINED_LENGTH:
            self._count(None, explicit, wanted)
            end = self._stream.tell() - 8  # its delimiter
        else:
            self._require(length)
            end = start + length
            if wanted and self._begins_with_item():
                self._count(end, explicit, wanted)
        if self._tags is not None and wanted and end - start > _MAX_VALUE_BYTES:
            raise HeaderError("The header holds a value longer than any of a radiograph.")
        self._stream.seek(end if length == UNDEFINED_LENGTH and not wanted else start)
        return False

    def _require(self, length: int) -> None:
        """Refuse a value that goes beyond the end of the file."""
        beyond = self._stream.tell() + length - self._size
        if beyond > _ABSURD_BYTES:
            raise HeaderError("The header declares an element longer than the file.")
        if beyond > 0:
            raise HeaderError("The file ends inside its header.", code="header.incomplete")

    def _count(self, end: int | None, explicit: bool, wanted: bool) -> None:
        """Move behind a sequence, which ends at a place or with its delimiter (None), and count what it holds.

        Only the depth of what has no length must be known. What has one is leapt over, unless it is wanted and holds items.
        """
        depth = 1
        while depth and (end is None or self._stream.tell() < end):
            tag, length = self._next(explicit)
            if tag == SEQUENCE_END:
                depth -= 1
            elif length == UNDEFINED_LENGTH:
                depth += tag != ITEM
            elif end is not None and self._stream.tell() + length > end:
                return  # nonsense, which pydicom reads no further either
            elif not wanted or not (tag == ITEM or self._begins_with_item()):
                self._require(length)
                self._stream.seek(length, 1)
            if depth > MAX_DEPTH:
                raise HeaderError("The header nests sequences too deeply.", code="header.nested")

    def _begins_with_item(self) -> bool:
        found = self._stream.read(4)
        self._stream.seek(-len(found), 1)
        return found == self._item

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
        return tag, int(struct.unpack(f"{self._order}I", self._read(4))[0]) if letters in LONG_FORMS else short

    def _read(self, count: int) -> bytes:
        found = self._stream.read(count)
        if len(found) < count:
            raise HeaderError("The file ends inside its header.", code="header.incomplete")
        return found
