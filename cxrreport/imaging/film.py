"""One file -> the film that the network sees; the unit of work of a child process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.preprocess import preprocess


@dataclass(frozen=True, slots=True)
class Film:
    """A preprocessed film: uint8 of shape (256, 256), and the digest of its stored values."""

    pixels: npt.NDArray[np.uint8]
    pixel_sha256: str


def load_film(path: str, max_pixels: int) -> Film:
    """Read and preprocess one film; raises PixelError."""
    frame = read_frame(path, max_pixels)
    return Film(preprocess(frame.values), frame.pixel_sha256)
