"""What a compressed frame says of itself: its kind, size, precision and sign, and where it ends.

JPEG (ITU-T T.81 annex B), JPEG-LS (T.87 annex C) and JPEG 2000 (T.800 annex A).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cxrreport.errors import PixelError

END = b"\xff\xd9"  # of JPEG 2000, too
_JPEG_START = b"\xff\xd8\xff"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\0\0\0\x0cjP  \r\n\x87\n"
_JPEG_LS_FRAME = 0xFFF7
_FRAMES = (0xFFC0, 0xFFC1, 0xFFC2, 0xFFC3, _JPEG_LS_FRAME)
_SCAN = 0xFFDA
_CAPABILITIES = 0xFF50  # of high-throughput JPEG 2000 (T.814 A.2)
_TILE_PART = b"\xff\x90"
_MAX_TRAILING_BYTES = 14  # of writers that pad with something else than zeros
_HOLE = bytes(1024)  # more zeros than packets without content take; a block that was never written


@dataclass(frozen=True, slots=True)
class Declared:
    """What the start of a codestream declares of its frame."""

    shape: tuple[int, int]  # rows, columns
    bits: int
    signed: bool | None = None  # JPEG and JPEG-LS know no sign


def truncated() -> PixelError:
    """Return the error of pixel data that ends too early."""
    return PixelError("The pixel data is cut short.", code="pixels.truncated")


def kind_of(stream: bytes) -> str | None:
    """Return jpeg, jpeg-ls, j2k or htj2k by the first bytes of a frame; None where it begins like none of them."""
    if stream.startswith(_JPEG_START):
        return "jpeg-ls" if _segment(stream, _FRAMES)[0] == _JPEG_LS_FRAME else "jpeg"
    if stream.startswith((_JPEG_2000_START, _JP2_START)):
        return "htj2k" if _is_high_throughput(stream) else "j2k"
    return None


def jpeg_frame(stream: bytes) -> Declared:
    """Read the start-of-frame segment (T.81 B.2.2, T.87 C.2.2)."""
    _, at = _segment(stream, _FRAMES)
    bits, rows, columns = struct.unpack_from(">BHH", stream, at + 4)
    return Declared((rows, columns), bits)


def scan_start(stream: bytes) -> int:
    """Place of the first bits of the first scan of a JPEG stream (T.81 B.2.3)."""
    _, at = _segment(stream, (_SCAN,))
    return at + 2 + int(struct.unpack_from(">H", stream, at + 2)[0])


def segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of each segment of a JPEG stream up to its first scan, that one included (T.81 B.1.1.4)."""
    for marker, at in _places(stream):
        yield marker, stream[at + 4 : at + 2 + int(struct.unpack_from(">H", stream, at + 2)[0])]
        if marker == _SCAN:
            return


def _segment(stream: bytes, markers: tuple[int, ...]) -> tuple[int, int]:
    """(marker, place) of the first segment with one of these markers."""
    for marker, at in _places(stream):
        if marker in markers:
            return marker, at
    raise truncated()


def _places(stream: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while at + 9 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, at)
        if marker == 0xFFFF:  # fill bytes
            at += 1
            continue
        yield marker, at
        at += 2 + length


def before_end_marker(stream: bytes) -> bytes:
    """Return what stands before the end marker, behind which any zeros may follow. Raises PixelError without one."""
    end = stream.rfind(END)
    if end < 0 or len(stream[end + 2 :].rstrip(b"\0")) > _MAX_TRAILING_BYTES:
        raise truncated()
    return stream[:end]


def _size_at(stream: bytes) -> int:
    """Place of the codestream in a bare one or inside a JP2 file, where its SIZ segment is whole."""
    at = stream.find(_JPEG_2000_START)
    if at < 0 or at + 43 > len(stream):
        raise truncated()
    return at


def jpeg_2000_frame(stream: bytes) -> Declared:
    """Read the SIZ segment (T.800 A.5.1)."""
    at = _size_at(stream)
    right, bottom, left, top = struct.unpack_from(">4I", stream, at + 8)
    depth = stream[at + 42]
    return Declared((bottom - top, right - left), (depth & 0x7F) + 1, signed=depth > 0x7F)


def _is_high_throughput(stream: bytes) -> bool:
    at = _size_at(stream) + 4
    at += int(struct.unpack_from(">H", stream, at)[0])
    return stream[at : at + 2] == struct.pack(">H", _CAPABILITIES)


def _tiles(stream: bytes) -> int:
    """How many tiles the SIZ segment lays over the image (T.800 B.3)."""
    right, bottom, _, _, width, height, left, top = struct.unpack_from(">8I", stream, _size_at(stream) + 8)
    if not width or not height:
        raise PixelError("The compressed pixel data is malformed.")
    return int((right - left + width - 1) // width) * int((bottom - top + height - 1) // height)


def jpeg_2000_whole(stream: bytes) -> bytes:
    """Return the codestream from its start to its last tile-part, closed by the end marker.

    The decoders fill what is missing without a word: so each tile-part must be there (T.800 A.4.2), the end marker
    behind the last, and no block of zeros inside. Only the last tile-part may leave its length open.

    Raises
    ------
    PixelError : `pixels.truncated`.
    """
    start = _size_at(stream)
    at, parts, expected = start + 2, Counter[int](), dict[int, int]()
    while not parts or stream[at : at + 2] == _TILE_PART:
        if at + 12 > len(stream):
            raise truncated()
        if stream[at : at + 2] != _TILE_PART:
            at += 2 + int(struct.unpack_from(">H", stream, at + 2)[0])
            continue
        tile, tile_bytes, _, of = struct.unpack_from(">HIBB", stream, at + 4)
        parts[tile] += 1
        expected[tile] = max(of, expected.get(tile, 1))
        at = at + max(tile_bytes, 12) if tile_bytes else len(before_end_marker(stream))
    whole = stream[start:at]
    if len(parts) != _tiles(stream) or any(parts[tile] < expected[tile] for tile in parts) or _HOLE in whole:
        raise truncated()
    if before_end_marker(stream[at:]).strip(b"\0"):
        raise truncated()
    return whole + END
