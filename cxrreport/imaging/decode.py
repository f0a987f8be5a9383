"""Pixel Data element -> raw cells, with one strict decoder for each kind of codestream.

pydicom's chain of plugins is not used: a plugin that fails is followed by one that returns half an image. Here a
frame is whole or it is refused (PS3.5 section 8.2 and annex A). What the codestream says of itself, its kind, its
precision and its sign, wins over what the header says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from cxrreport.dicom.opening import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Head
from cxrreport.errors import PixelError
from cxrreport.imaging.bits import Cells, Layout
from cxrreport.imaging.codestream import (
    END,
    Declared,
    before_end_marker,
    jpeg_2000_frame,
    jpeg_2000_whole,
    jpeg_frame,
    kind_of,
    scan_start,
    truncated,
)
from cxrreport.imaging.fragments import read_pixels
from cxrreport.imaging.lossless import takes_all
from cxrreport.imaging.reduced import decode_reduced, factor_for
from cxrreport.imaging.tail import ends_in_zeros

Decoded = npt.NDArray[Any]
_NATIVE = {IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED}
_RLE = "1.2.840.10008.1.2.5"
_COMPRESSED = {
    *(_RLE, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"),  # baseline, extended (12 bit)
    *("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"),  # lossless, process 14; with first-order prediction
    *("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),  # JPEG-LS
    *("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),  # JPEG 2000
    *("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"),  # high-throughput JPEG 2000
}
_PROBE = b"\x5a\xa7\x3c\x91" * 16  # bits that no complete stream still needs
_JPEG_HOLE = bytes(64)  # too many zeros to be code words of anything but a border


@dataclass(frozen=True, slots=True)
class Frame:
    """Raw cells of shape (rows, columns), neither masked nor sign extended, and what their codestream says of them.

    JPEG 2000 also brings its codestream, and may come at 1/factor of its sides.
    """

    cells: Cells
    bits: int  # that a cell can hold
    signed: bool | None  # None where the codestream has no word for it
    codestream: bytes | None = None
    factor: int = 1


def is_supported(transfer_syntax: str) -> bool:
    """Tell whether frames of this transfer syntax can be decoded."""
    return transfer_syntax in _NATIVE or transfer_syntax in _COMPRESSED


def decode(head: Head, layout: Layout, least: int | None = None) -> Frame:
    """Decode the frame at which `head.stream` stands.

    `least` lets JPEG 2000 come smaller, with at least so many pixels a side, where its cells are what the header says.

    Raises
    ------
    PixelError : `pixels.truncated` when data is missing, `pixels.malformed` when it contradicts the header.
    """
    stream = read_pixels(head, layout.size_bytes, native=head.transfer_syntax in _NATIVE)
    kind = kind_of(stream)
    if kind is None and head.transfer_syntax in _NATIVE:
        return _native(stream, layout, head.little_endian)
    if kind is None and head.transfer_syntax == _RLE:
        return _rle(stream, layout)
    if kind is None:
        raise PixelError("The compressed pixel data is malformed.")
    if kind == "j2k":
        return _jpeg_2000(stream, layout, least)
    declared = jpeg_2000_frame(stream) if kind == "htj2k" else jpeg_frame(stream)
    _require_size(declared.shape, layout)  # before the decoder allocates
    return _framed(_DECODERS[kind](stream), declared, layout)


def _framed(decoded: Decoded, declared: Declared, layout: Layout) -> Frame:
    _require_size(decoded.shape, layout)
    cells, bits = _cells(decoded, declared)
    return Frame(cells, bits, declared.signed)


def _cells(decoded: Decoded, declared: Declared) -> tuple[Cells, int]:
    """Masked cells, and the bits that they can hold."""
    if decoded.dtype.itemsize > 2:
        raise _other_size()
    cells = np.ascontiguousarray(decoded).view(f"u{decoded.dtype.itemsize}")
    bits = min(declared.bits, 8 * cells.dtype.itemsize)
    return cells & cells.dtype.type((1 << bits) - 1), bits


def _native(raw: bytes, layout: Layout, little_endian: bool) -> Frame:
    if len(raw) < layout.size_bytes:
        raise truncated()
    raw = raw[: layout.size_bytes]
    if layout.bits_allocated == 16:
        cells: Cells = np.frombuffer(raw, "<u2" if little_endian else ">u2").astype(np.uint16)
    else:
        cells = np.frombuffer(raw, np.uint8)
    cells = cells.reshape(layout.shape)
    if ends_in_zeros(cells):
        raise truncated()
    return Frame(cells, layout.bits_allocated, None)


def _rle(stream: bytes, layout: Layout) -> Frame:
    dtype = np.dtype("<u2" if layout.bits_allocated == 16 else "u1")
    raw = _guarded(lambda data: imagecodecs.dicomrle_decode(data, dtype), stream)
    if len(raw) != layout.size_bytes:
        raise truncated()
    return Frame(np.frombuffer(raw, dtype).reshape(layout.shape), layout.bits_allocated, None)


def _guarded(decode_frame: Callable[[bytes], Any], stream: bytes) -> Decoded:
    """Decode, or refuse. imagecodecs only tells of some errors of OpenJPH, and returns the frame as far as it came."""
    told: list[Any] = []
    hooks = sys.unraisablehook, sys.excepthook
    sys.unraisablehook, sys.excepthook = told.append, lambda *_: None  # the latter would print it first
    try:
        frame: Decoded = decode_frame(stream)
    except (RuntimeError, ValueError):  # imagecodecs' own errors are RuntimeErrors
        raise _not_whole() from None
    finally:
        sys.unraisablehook, sys.excepthook = hooks
    if told:
        raise _not_whole()
    return frame


def _not_whole() -> PixelError:
    return PixelError("The compressed frame cannot be decoded whole.", code="pixels.truncated")


def _jpeg(stream: bytes) -> Decoded:
    """Baseline, extended (12 bit) and lossless JPEG.

    The decoder fills a scan that ends early without a word, even when an end marker follows, and reads zeros in place
    of what was never written as pixels. So the end marker is required, and the bits of a lossless frame are counted. Any
    other one is decoded again with other bits behind the scan and in place of its end: a whole frame does not notice the
    former, but does the latter. Zeros at the end may be fill or a border.
    """
    scan = before_end_marker(stream).rstrip(b"\xff")  # fill bytes may stand before any marker
    if END in scan[scan_start(scan) :]:  # never inside a scan (T.81 B.1.1.5)
        raise truncated()
    frame = _guarded(imagecodecs.jpeg8_decode, scan + END)
    end = scan if takes_all(scan, frame) else _end_of(scan, frame)
    if _JPEG_HOLE in end and not _is_border(end, frame.size):
        raise truncated()
    return frame


def _end_of(scan: bytes, frame: Decoded) -> bytes:
    """The scan without fill behind it, where the frame takes all of that and no more; else raise PixelError."""
    filled = scan.rstrip(b"\0")
    filled += b"\0" * filled.endswith(b"\xff")  # a value of 255 (T.81 B.1.1.5)
    end = next((end for end in dict.fromkeys((filled, scan)) if not _notices(frame, end + _PROBE)), None)
    if end is None or not any(_notices(frame, end[: -len(probe)] + probe) for probe in (_PROBE[:8], _PROBE[7::-1])):
        raise truncated()
    return end


def _is_border(scan: bytes, pixels: int) -> bool:
    """Tell whether zeros of this scan stand for pixels that are all alike."""
    zeros = scan[: scan_start(scan)] + bytes(pixels)  # the code word that is all zeros is a short one
    alike: Decoded = _guarded(imagecodecs.jpeg8_decode, zeros + END)
    return bool(alike.min() == alike.max())


def _notices(frame: Decoded, scan: bytes) -> bool:
    """Tell whether another scan would give another frame, or none."""
    try:
        return not np.array_equal(frame, _guarded(imagecodecs.jpeg8_decode, scan + END))
    except PixelError:
        return True


def _jpeg_ls(stream: bytes) -> Decoded:
    """JPEG-LS; the decoder is strict, and stumbles over zeros between the last bit and the end marker, too."""
    scan = before_end_marker(stream)  # the decoder notices a missing one too, but takes seconds over it
    try:
        return _guarded(imagecodecs.jpegls_decode, scan + END)
    except PixelError:
        if not scan.endswith(b"\0"):
            raise
        return _guarded(imagecodecs.jpegls_decode, scan.rstrip(b"\0") + END)


def _high_throughput(stream: bytes) -> Decoded:
    return _guarded(imagecodecs.htj2k_decode, jpeg_2000_whole(stream))


def _jpeg_2000(stream: bytes, layout: Layout, least: int | None) -> Frame:
    """JPEG 2000, at a fraction of its size where `least` allows it, and its codestream."""
    declared = jpeg_2000_frame(stream)
    _require_size(declared.shape, layout)
    whole = jpeg_2000_whole(stream)
    factor = factor_for(declared.shape, least) if least else 1
    decoded = _reduced(whole, declared, factor) if factor > 1 else None
    if decoded is None or not _holds(layout, declared, decoded):
        factor, decoded = 1, _guarded(imagecodecs.jpeg2k_decode, whole)
        _require_size(decoded.shape, layout)
    cells, bits = _cells(decoded, declared)
    return Frame(cells, bits, declared.signed, whole, factor)


def _reduced(whole: bytes, declared: Declared, factor: int) -> Decoded | None:
    """Cells at a fraction of the size; what stumbles is left to the decoder of the whole, which tells why."""
    try:
        return _guarded(lambda stream: decode_reduced(stream, declared, factor), whole)
    except Exception:  # Pillow raises nearly anything
        return None


def _holds(layout: Layout, declared: Declared, decoded: Decoded) -> bool:
    """Tell whether the values are what the header says; where they are not, `settle` must see all of them."""
    if layout.shift or declared.signed != layout.signed:
        return False
    return declared.bits == layout.bits or not (layout.signed or int(decoded.max()) >> layout.bits)


def _require_size(shape: tuple[int, ...], layout: Layout) -> None:
    if shape != layout.shape:
        raise _other_size()


def _other_size() -> PixelError:
    return PixelError("The compressed frame is not of the size that the header declares.")


_DECODERS: dict[str, Callable[[bytes], Decoded]] = {"jpeg": _jpeg, "jpeg-ls": _jpeg_ls, "htj2k": _high_throughput}
