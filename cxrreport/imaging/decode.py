"""Pixel Data element -> stored values, with one strict decoder for each transfer syntax.

pydicom's chain of plugins is not used: a plugin that fails is followed by one that returns half an image. Here a
frame is whole or it is refused (PS3.5 section 8.2 and annex A).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from cxrreport.errors import PixelError
from cxrreport.imaging.dataset import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Head

Cells = npt.NDArray[np.unsignedinteger[Any]]
Decoded = npt.NDArray[Any]
_NATIVE = {IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED}
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
_UNDEFINED_LENGTH = 0xFFFFFFFF
_JPEG_END = b"\xff\xd9"  # of JPEG 2000, too
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_TILE_PART = 0xFF90
_MAX_TRAILING_BYTES = 16  # the end marker and what writers pad a fragment with
_PROBE = b"\x5a\xa7\x3c\x91" * 16  # bits that no complete stream still needs


@dataclass(frozen=True, slots=True)
class Layout:
    """How one grey frame is stored."""

    shape: tuple[int, int]  # rows, columns
    bits_allocated: int
    bits: int  # of these, those of one value (PS3.5 section 8.1.1)
    shift: int  # of its lowest bit
    signed: bool

    @property
    def size_bytes(self) -> int:
        """Bytes of the frame without compression."""
        return math.prod(self.shape) * self.bits_allocated // 8


def is_supported(transfer_syntax: str) -> bool:
    """Tell whether frames of this transfer syntax can be decoded."""
    return transfer_syntax in _NATIVE or transfer_syntax in _DECODERS


def decode(head: Head, layout: Layout) -> Cells:
    """Decode the frame at which `head.stream` stands.

    Returns
    -------
    Unsigned array of shape (rows, columns): the raw bits of each cell, neither masked nor sign extended.

    Raises
    ------
    PixelError : `pixels.truncated` when data is missing, `pixels.malformed` when it contradicts the header.
    """
    length = _element_length(head)
    if head.transfer_syntax in _NATIVE:
        return _native(head, layout, length)
    stream = _encapsulated(head, length)
    decoded = _DECODERS[head.transfer_syntax](stream, layout)
    if decoded.shape != layout.shape or decoded.dtype.itemsize > 2:
        raise PixelError("The compressed frame is not of the size that the header declares.")
    return np.ascontiguousarray(decoded).view(f"u{decoded.dtype.itemsize}")


def _truncated() -> PixelError:
    return PixelError("The pixel data is cut short.", code="pixels.truncated")


def _read(head: Head, count: int) -> bytes:
    """Read exactly `count` bytes; nothing is allocated for bytes that the file does not have."""
    if count > head.size - head.stream.tell():
        raise _truncated()
    found = head.stream.read(count)
    if len(found) != count:
        raise _truncated()
    return found


def _element_length(head: Head) -> int:
    order = "<" if head.little_endian else ">"
    group, element = struct.unpack(order + "HH", _read(head, 4))
    if (group, element) != (0x7FE0, 0x0010):
        raise PixelError("Floating point pixel data is not supported.", code="pixels.syntax")
    if head.implicit or _read(head, 4)[:2] in (b"OB", b"OW", b"UN"):
        return int(struct.unpack(order + "I", _read(head, 4))[0])
    raise PixelError("The pixel data has an unknown representation.")


def _native(head: Head, layout: Layout, length: int) -> Cells:
    if length < layout.size_bytes:
        raise _truncated()
    order = "<" if head.little_endian else ">"
    raw = _read(head, layout.size_bytes)
    if layout.bits_allocated == 16:
        return np.frombuffer(raw, order + "u2").astype(np.uint16).reshape(layout.shape)
    return np.frombuffer(raw, np.uint8).reshape(layout.shape)


def _encapsulated(head: Head, length: int) -> bytes:
    """Join the fragments of the one frame; the sequence must be closed."""
    if length != _UNDEFINED_LENGTH:
        raise PixelError("The compressed pixel data is not encapsulated.")
    fragments: list[bytes] = []
    while True:
        group, element, size = struct.unpack("<HHI", _read(head, 8))
        tag = group << 16 | element
        if tag == _SEQUENCE_END:
            return b"".join(fragments[1:])  # the first item is the offset table
        if tag != _ITEM:
            raise PixelError("The compressed pixel data is malformed.")
        fragments.append(_read(head, size))


def _guarded(decode_frame: Callable[[bytes], Any], stream: bytes) -> Decoded:
    try:
        frame: Decoded = decode_frame(stream)
    except (RuntimeError, ValueError):  # imagecodecs' own errors are RuntimeErrors
        raise PixelError("The compressed frame cannot be decoded whole.", code="pixels.truncated") from None
    return frame


def _jpeg(stream: bytes, layout: Layout) -> Decoded:
    """Baseline, extended (12 bit) and lossless JPEG.

    The decoder fills a scan that ends early without a word, even when an end marker follows. So the end marker is
    required, and the frame is decoded again with other bits in its place: a whole frame does not notice them.
    """
    scan = _before_end_marker(stream)
    _require_size(_jpeg_size(stream), layout)
    frame = _guarded(imagecodecs.jpeg8_decode, scan + _JPEG_END)
    if not np.array_equal(frame, _guarded(imagecodecs.jpeg8_decode, scan + _PROBE + _JPEG_END)):
        raise _truncated()
    return frame


def _before_end_marker(stream: bytes) -> bytes:
    end = stream.rfind(_JPEG_END)
    if end < 0 or len(stream) - end > _MAX_TRAILING_BYTES:
        raise _truncated()
    return stream[:end]


def _jpeg_ls(stream: bytes, layout: Layout) -> Decoded:
    _before_end_marker(stream)  # the decoder notices too, but takes seconds over it
    _require_size(_jpeg_size(stream), layout)
    return _guarded(imagecodecs.jpegls_decode, stream)


def _jpeg_2000(stream: bytes, layout: Layout) -> Decoded:
    _require_size(_jpeg_2000_size(stream), layout)
    return _guarded(imagecodecs.jpeg2k_decode, stream)


def _high_throughput(stream: bytes, layout: Layout) -> Decoded:
    """High-throughput JPEG 2000, whose decoder fills what is missing without a word: its tiles are counted first."""
    _require_size(_jpeg_2000_size(stream), layout)
    _require_tiles(stream)
    return _guarded(imagecodecs.htj2k_decode, stream)


def _rle(stream: bytes, layout: Layout) -> Decoded:
    dtype = np.dtype("<u2" if layout.bits_allocated == 16 else "u1")
    raw = _guarded(lambda data: imagecodecs.dicomrle_decode(data, dtype), stream)
    if len(raw) != layout.size_bytes:
        raise _truncated()
    return np.frombuffer(raw, dtype).reshape(layout.shape)


def _require_size(declared: tuple[int, int], layout: Layout) -> None:
    """Refuse before the decoder allocates: a codestream may declare another size than the header."""
    if declared != layout.shape:
        raise PixelError("The compressed frame is not of the size that the header declares.")


def _jpeg_size(stream: bytes) -> tuple[int, int]:
    """(rows, columns) of the start-of-frame segment (ITU-T T.81 B.2.2, T.87 C.2.2)."""
    at = 2
    while at + 9 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, at)
        if marker in (0xFFC0, 0xFFC1, 0xFFC2, 0xFFC3, 0xFFF7):
            rows, columns = struct.unpack_from(">HH", stream, at + 5)
            return rows, columns
        at += 2 + length
    raise _truncated()


def _jpeg_2000_size(stream: bytes) -> tuple[int, int]:
    """(rows, columns) of the SIZ segment (ITU-T T.800 A.5.1), of a bare codestream or one inside a JP2 file."""
    at = stream.find(_JPEG_2000_START)
    if at < 0 or at + 24 > len(stream):
        raise _truncated()
    right, bottom, left, top = struct.unpack_from(">4I", stream, at + 8)
    return bottom - top, right - left


def _require_tiles(stream: bytes) -> None:
    """Walk the segments and tile-parts from SIZ to the end marker (T.800 A.4); a tile-part without length ends there."""
    at = stream.find(_JPEG_2000_START) + 2
    while stream[at : at + 2] != _JPEG_END:
        if at + 10 > len(stream):
            raise _truncated()
        marker, length = struct.unpack_from(">HH", stream, at)
        if marker != _TILE_PART:
            at += 2 + length
        elif tile_bytes := struct.unpack_from(">I", stream, at + 6)[0]:
            at += tile_bytes
        else:
            at = len(_before_end_marker(stream))


_DECODERS: dict[str, Callable[[bytes, Layout], Decoded]] = {
    "1.2.840.10008.1.2.5": _rle,
    "1.2.840.10008.1.2.4.50": _jpeg,  # baseline
    "1.2.840.10008.1.2.4.51": _jpeg,  # extended, 12 bit
    "1.2.840.10008.1.2.4.57": _jpeg,  # lossless, process 14
    "1.2.840.10008.1.2.4.70": _jpeg,  # lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": _jpeg_ls,
    "1.2.840.10008.1.2.4.81": _jpeg_ls,
    "1.2.840.10008.1.2.4.90": _jpeg_2000,
    "1.2.840.10008.1.2.4.91": _jpeg_2000,
    "1.2.840.10008.1.2.4.201": _high_throughput,
    "1.2.840.10008.1.2.4.202": _high_throughput,
    "1.2.840.10008.1.2.4.203": _high_throughput,
}
