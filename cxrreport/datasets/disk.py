"""What every collection on disk consists of: tables, packed or not, and images."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from cxrreport.errors import PixelError, UsageError
from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.preprocess import ENOUGH, preprocess
from cxrreport.records import SIDE

_DICOM = ".dcm"
_CLOSE = 3 * SIDE  # pixels a side that a JPEG is decoded to at least, where the file has more


def read_table(table: Path, columns: set[str], place: str, owner: str) -> list[dict[str, str]]:
    """Rows of a CSV that must have `columns`; see `stream_table`."""
    return list(stream_table(table, columns, place, owner))


def stream_table(table: Path, columns: set[str], place: str, owner: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV that must have `columns`, one at a time; packed by gzip (`NAME.gz`) where that lies there instead.

    Raises
    ------
    UsageError : `place` has no such file, or that of the `owner` is no table in UTF-8, is cut within a row, or lacks columns.
    """
    packed = table.with_name(f"{table.name}.gz")
    if not table.is_file() and not packed.is_file():
        raise UsageError(f"{place} has no {table.name}.")
    try:
        with gzip.open(packed) if not table.is_file() else table.open("rb") as file:
            reader = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
            if missing := sorted(columns - set(reader.fieldnames or ())):
                raise UsageError(f"The {table.name} of the {owner} lacks columns: {', '.join(missing)}.")
            yield from map(_whole, reader)
    except (ValueError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error):
        raise UsageError(f"The {table.name} of the {owner} is no CSV in UTF-8, or is cut short.") from None


def _whole(row: dict[str, str]) -> dict[str, str]:
    """The row itself; one that ends early raises ValueError: the table is cut there, or lines were lost."""
    if None in row.values():
        raise ValueError(row.keys())
    return row


def read_pixels(path: Path) -> npt.NDArray[np.float32]:
    """Grey values of a picture file; a JPEG that is far larger than the network's images is decoded smaller.

    Raises
    ------
    UsageError : when it cannot be read.
    """
    try:
        with PillowImage.open(path) as picture:
            picture.draft(None, (_CLOSE, _CLOSE))
            grey = picture if picture.mode[0] in "IF" else picture.convert("L")  # "L" would clip 16 bits
            return np.asarray(grey, np.float32)
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError):  # what Pillow raises at damage
        raise UsageError("A film of the dataset cannot be read.") from None


def read_film(path: Path) -> npt.NDArray[np.uint8]:
    """An image (256, 256) as the network sees it, of a picture or a DICOM file.

    Raises
    ------
    UsageError, PixelError : when it cannot be read, or shows nothing.
    """
    return preprocess(read_frame(str(path), least=ENOUGH).values if path.suffix == _DICOM else read_pixels(path))


def read_row_film(path: Path, table: str, row: int) -> npt.NDArray[np.uint8]:
    """As `read_film` an image that a row of a table names; rows are counted from 1, without the head.

    Raises
    ------
    UsageError : when it cannot be read, or shows nothing; the row is told, and no path.
    """
    try:
        return read_film(path)
    except (UsageError, PixelError):
        raise UsageError(f"The film of row {row} of {table} cannot be read.") from None
