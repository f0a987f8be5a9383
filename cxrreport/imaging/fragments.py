"""The Pixel Data element -> the bytes of its one frame, out of whatever items they were put into (PS3.5 annex A.4)."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from cxrreport.dicom.opening import Head
from cxrreport.errors import PixelError
from cxrreport.imaging.codestream import kind_of, truncated

_ITEM = 0xFFFEE000
_UNDEFINED_LENGTH = 0xFFFFFFFF


def read_pixels(head: Head, native_bytes: int, native: bool) -> bytes:
    """Read the frame at which `head.stream` stands: of a native one its `native_bytes`, else its joined fragments.

    A missing sequence delimiter, a missing offset table and an explicit length are passed by: the decoders ask the
    codestream itself whether it is whole. Pixel data of undefined length are in items, whatever the syntax.

    Raises
    ------
    PixelError : `pixels.truncated` when an item is longer than the file, `pixels.malformed` when there are no items.
    """
    length = _element_length(head)
    if length == _UNDEFINED_LENGTH:
        return _joined(_items(head.stream, head.size))
    if native:
        if length < native_bytes:
            raise truncated()
        return _read(head.stream, head.size, native_bytes)
    raw = _read(head.stream, head.size, length)
    return raw if kind_of(raw) else _joined(_items(io.BytesIO(raw), len(raw)))


def _element_length(head: Head) -> int:
    """Read tag and length. Letters tell an explicit representation: as a length they would be odd."""
    order = "<" if head.little_endian else ">"
    group, element, letters = struct.unpack(order + "HH4s", _read(head.stream, head.size, 8))
    if (group, element) != (0x7FE0, 0x0010):
        raise PixelError("Floating point pixel data is not supported.", code="pixels.syntax")
    explicit = letters[:2] in (b"OB", b"OW", b"UN")
    return int(struct.unpack(order + "I", _read(head.stream, head.size, 4) if explicit else letters)[0])


def _read(stream: BinaryIO, size: int, count: int) -> bytes:
    """Read exactly `count` bytes; nothing is allocated for bytes that the file does not have."""
    if count > size - stream.tell():
        raise truncated()
    found = stream.read(count)
    if len(found) != count:
        raise truncated()
    return found


def _items(stream: BinaryIO, size: int) -> list[bytes]:
    """Contents of the items, up to the delimiter, to another element or to the end."""
    items: list[bytes] = []
    while size - stream.tell() >= 8:
        group, element, length = struct.unpack("<HHI", _read(stream, size, 8))
        if group << 16 | element != _ITEM:
            break
        items.append(_read(stream, size, length))
    if not items:
        raise PixelError("The compressed pixel data is not encapsulated.")
    return items


def _joined(items: list[bytes]) -> bytes:
    """Join the fragments of the one frame; the first item is the offset table unless it begins like a frame."""
    return b"".join(items if kind_of(items[0]) or _is_rle(items[0]) else items[1:])


def _is_rle(item: bytes) -> bool:
    """Tell an RLE header (PS3.5 G.5): up to 15 segments, of which the first begins behind the header."""
    return len(item) > 64 and 0 < item[0] < 16 and item[1:8] == b"\0\0\0\x40\0\0\0"
