"""One file -> the pixels that the network sees; the unit of work of a child process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.preprocess import preprocess


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """A preprocessed image: uint8 of shape (256, 256), and the digest of its stored values."""

    pixels: npt.NDArray[np.uint8]
    pixel_sha256: str


def load_image(path: str, max_pixels: int) -> LoadedImage:
    """Read and preprocess one file; raises PixelError."""
    frame = read_frame(path, max_pixels)
    return LoadedImage(preprocess(frame.values), frame.pixel_sha256)
