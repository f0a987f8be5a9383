"""One file -> the pixels that the network sees; the unit of work of a child process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrreport.errors import PixelError
from cxrreport.imaging.pages import is_page, may_be_page
from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.preprocess import ENOUGH
from cxrreport.imaging.upright import Upright, put_upright
from cxrreport.imaging.walk import has_changed
from cxrreport.records import UPRIGHT, FileEntry, Image, Lie

PAGE = "pixels.page"
AWAY = ("pixels.unreadable", "pixels.changed")  # the mount is gone, or the file is being written: tomorrow it is there


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """A preprocessed image, uint8 of shape (256, 256), the digest of its pixels, and how these lay."""

    pixels: npt.NDArray[np.uint8]
    pixel_sha256: str
    lie: Lie = UPRIGHT


@contextmanager
def _as_filed(image: Image) -> Iterator[None]:
    """Raise PixelError `pixels.changed` where the file that the block has read is not, or no longer, that of the catalogue."""
    entry = FileEntry(image.path, image.size, image.mtime_ns)
    failure: PixelError | None = None
    try:
        yield
    except PixelError as error:
        failure = error
    if has_changed(entry):
        raise PixelError("The file has changed since this run looked at it.", "pixels.changed")
    if failure is not None:
        raise failure


def load_filed(max_pixels: int, upright: Upright | None, image: Image) -> LoadedImage:
    """Read an image as the catalogue holds it. Raises PixelError, also where the file has changed since."""
    with _as_filed(image):
        return load_held(max_pixels, upright, image)


def load_held(max_pixels: int, upright: Upright | None, image: Image) -> LoadedImage:
    """Read an image of the catalogue; one whose view is known to be no frontal one stays as it lies. Raises PixelError."""
    return load_image(image.path, max_pixels, upright if image.view is None or image.view.is_frontal else None)


def load_image(path: str, max_pixels: int, upright: Upright | None = None) -> LoadedImage:
    """Read and preprocess one file; one that is not known to be no frontal image is put `upright`. Raises PixelError."""
    frame = read_frame(path, max_pixels, ENOUGH)
    if frame.factor > 1 and may_be_page(frame.values):
        frame = read_frame(path, max_pixels)
    if is_page(frame.values):
        raise PixelError("The image is a page of text.", PAGE)
    pixels, lie = put_upright(frame.values, upright)
    return LoadedImage(pixels, frame.pixel_sha256, lie)
