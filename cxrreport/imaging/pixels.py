"""One grey frame of a DICOM file as display values: larger is brighter, air is dark.

Every step from stored value to display value depends on the stored value alone, so the steps are worked out once for
each possible value and the frame is looked up in that table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cxrreport.dicom.opening import Head, NotDicomError, open_head
from cxrreport.errors import HeaderError, PixelError
from cxrreport.imaging.bits import OVERLAY_TAGS, Cells, Layout, layout_of, settle, stored_of
from cxrreport.imaging.decode import decode, is_supported
from cxrreport.imaging.reduced import centred
from cxrreport.imaging.shutter import SHUTTER_TAGS, visible
from cxrreport.imaging.voi import Table, lut_of, number, window_of
from cxrreport.records import GREY

_TAGS = (
    *(0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103),
    *(0x00280120, 0x00280121, 0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281056, 0x00283000, 0x00283010),
    *OVERLAY_TAGS,
    *SHUTTER_TAGS,
    0x20500020,
)
_PADDING = "PixelPaddingValue"
_HEADER_BYTES = 8 << 20
_BLOCK = 1 << 18
_MAX_VALUE = 1e30  # of a float32 there is room above


@dataclass(frozen=True, slots=True)
class Frame:
    """Display values, float32 of shape (rows, columns) or a `factor` less a side, and digests of what they come from.

    pixel_sha256 : of the stored values; of JPEG 2000, which need not be decoded whole, of its codestream.
    stored_sha256 : of the stored values as they were decoded: whole, they have the same however they were compressed.
    """

    values: npt.NDArray[np.float32]
    pixel_sha256: str
    stored_sha256: str
    factor: int = 1


def read_frame(path: str, max_pixels: int = 60_000_000, least: int | None = None) -> Frame:
    """Decode the one grey frame of a file and bring it to display values.

    `least` is for whom so many pixels a side are enough: JPEG 2000 is then decoded at a fraction of its size, unless
    its header names a padding, whose values mingle with their neighbours there.

    Modality LUT or rescale, VOI LUT or first window (PS3.3 C.11.1, C.11.2), then one inversion for MONOCHROME1 or
    Presentation LUT Shape INVERSE: the two mark the same inversion (PS3.3 C.8.11.3). Padding becomes the darkest
    value, and so does what a shutter hides.

    Raises
    ------
    PixelError : `pixels.frames`, `pixels.colour`, `pixels.too_large`, `pixels.bits`, `pixels.syntax` are told from the
        header alone; `pixels.truncated`, `pixels.malformed`, `pixels.unreadable` and `pixels.bits`, too, from the data.
    """
    try:
        with open_head(path, _TAGS, 2 * max_pixels + _HEADER_BYTES) as head:
            return _frame(head, max_pixels, least)
    except NotDicomError:
        raise PixelError("The file is not DICOM.") from None
    except HeaderError as error:
        raise PixelError(error.message, code=_PIXEL_CODES.get(error.code, "pixels.malformed")) from None
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, NotImplementedError):
        raise PixelError("The header holds values that cannot be used for its pixels.") from None


_PIXEL_CODES = {
    "header.unreadable": "pixels.unreadable",
    "header.incomplete": "pixels.truncated",
    "header.too_large": "pixels.too_large",
}


def _frame(head: Head, max_pixels: int, least: int | None) -> Frame:
    if not head.at_pixels:
        raise PixelError("The file holds no pixel data.", code="pixels.truncated")
    layout = _layout(head, max_pixels)
    coded = decode(head, layout, None if number(head.dataset, _PADDING) is not None else least)
    layout = settle(layout, head.dataset, coded.cells, coded.bits, coded.signed)
    stored = stored_of(coded.cells, layout)
    table = _display_table(head.dataset, layout, _counts(stored, 1 << layout.bits))
    values = _look_up(table.astype(np.float32), stored)
    shown = visible(head.dataset, layout.shape)
    if shown is not None:
        shown = shown[:: coded.factor, :: coded.factor]
        values[~shown] = values[shown].min()
    digest = _sha256(layout.shape, np.ascontiguousarray(stored, "<u2").data)
    pixels = digest if coded.codestream is None else _sha256(layout.shape, coded.codestream)
    return Frame(values if coded.factor == 1 else centred(values, coded.factor), pixels, digest, coded.factor)


def _sha256(shape: tuple[int, int], content: bytes | memoryview) -> str:
    digest = hashlib.sha256(repr(shape).encode())
    digest.update(content)
    return digest.hexdigest()


def _counts(stored: Cells, values: int) -> npt.NDArray[np.int64]:
    """How often each of so many values occurs."""
    counts = np.zeros(values, np.int64)
    for block in _blocks(stored):
        counts += np.bincount(block, minlength=values)
    return counts


def _look_up(table: npt.NDArray[np.float32], stored: Cells) -> npt.NDArray[np.float32]:
    """What a table (values,) has for each cell."""
    found = np.empty(stored.shape, np.float32)
    for block, shown in zip(_blocks(stored), _blocks(found), strict=True):
        np.take(table, block, out=shown, mode="clip")
    return found


def _blocks(cells: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """All cells, flat, in parts: numpy makes a place of eight bytes of each, for which the cache has room."""
    flat = cells.reshape(-1)
    return [flat[start : start + _BLOCK] for start in range(0, len(flat), _BLOCK)]


def _layout(head: Head, max_pixels: int) -> Layout:
    """Refuse what is no single grey frame of fair size before a byte of it is read."""
    dataset = head.dataset
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise PixelError("The object holds several frames.", code="pixels.frames")
    if int(dataset.get("SamplesPerPixel") or 1) != 1 or _photometric(dataset) not in GREY:
        raise PixelError("The image is not grey.", code="pixels.colour")
    if rows * columns > max_pixels:
        raise PixelError("The image has more pixels than allowed.", code="pixels.too_large")
    if rows * columns == 0:
        raise PixelError("The header declares no rows or columns.")
    if int(dataset.get("BitsAllocated") or 0) not in (8, 16):
        raise PixelError("Only 8 and 16 bit images can be read.", code="pixels.bits")
    if not is_supported(head.transfer_syntax):
        raise PixelError("The transfer syntax is not supported.", code="pixels.syntax")
    return layout_of(dataset, (rows, columns))


def _display_table(dataset: Dataset, layout: Layout, counts: npt.NDArray[np.int64]) -> Table:
    """Display value of each possible stored value; `counts` tells which of them occur."""
    stored = np.arange(1 << layout.bits, dtype=np.float64)
    if layout.signed:
        stored[1 << (layout.bits - 1) :] -= 1 << layout.bits
    padding = _padding(dataset, stored, layout.signed)
    occurring = (counts > 0) & ~padding
    if not occurring.any():  # a padding that leaves nothing
        padding, occurring = np.zeros(stored.shape, bool), counts > 0
    values = _voi(dataset, _modality(dataset, stored, layout.signed), layout.signed, np.where(padding, 0, counts))
    if _is_inverse(dataset):
        values = -values
    values[padding] = values[occurring].min()
    return values


def _padding(dataset: Dataset, stored: Table, signed: bool) -> npt.NDArray[np.bool_]:
    """Stored values that are padding (PS3.3 C.7.5.1.1.2); of signed pixels its value may be written unsigned (US)."""
    limits = [number(dataset, keyword) for keyword in (_PADDING, "PixelPaddingRangeLimit")]
    named = [limit - (1 << 16) if signed and limit >= 1 << 15 else limit for limit in limits if limit is not None]
    if limits[0] is None:
        return np.zeros(stored.shape, bool)
    return (stored >= min(named)) & (stored <= max(named))


def _modality(dataset: Dataset, stored: Table, signed: bool) -> Table:
    """Modality LUT, or slope and intercept; what a float32 cannot hold, or tell apart, is passed by."""
    lut = lut_of(dataset, "ModalityLUTSequence", signed)
    if lut is not None:
        return lut(stored)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    rescaled = stored * (1.0 if slope is None else slope) + (0.0 if intercept is None else intercept)
    fits = np.abs(rescaled).max() < _MAX_VALUE and np.diff(rescaled.astype(np.float32)).all()
    return rescaled if fits else stored


def _voi(dataset: Dataset, values: Table, signed: bool, counts: npt.NDArray[np.int64]) -> Table:
    """VOI LUT before window, as PS3.3 C.11.2 leaves to the reader; one that leaves nothing of the image is passed by."""
    for show in (lut_of(dataset, "VOILUTSequence", signed), window_of(dataset)):
        if show is not None and _shows_anatomy(shown := show(values), counts):
            return shown
    return values


def _shows_anatomy(shown: Table, counts: npt.NDArray[np.int64]) -> bool:
    """At least a twentieth of the pixels is neither black nor white, or there is nothing but black and white."""
    low, high = shown.min(), shown.max()
    between = counts[(shown > low) & (shown < high)].sum()
    return bool(between * 20 >= counts.sum() or np.count_nonzero(counts) <= 2)


def _photometric(dataset: Dataset) -> str:
    return str(dataset.get("PhotometricInterpretation", "")).strip().upper()


def _is_inverse(dataset: Dataset) -> bool:
    return _photometric(dataset) == "MONOCHROME1" or str(dataset.get("PresentationLUTShape", "")).strip() == "INVERSE"
