"""How long does it take to read a film, beside a plain decoder?

    python -m benchmarks.decode [--rows 2500 --columns 2048] [--rounds 5]

One drawn chest of 12 bits in each transfer syntax. Ours: from the file to the 256 x 256 pixels of the network, proved to be
whole, with its digest, its window and its page of text looked for. Peer, in the same run and in turn: the decoder of
imagecodecs on the bare codestream (of raw values, numpy) and Pillow's resize of what it gives. Processor time, the median of
the rounds, in one process of one thread.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from benchmarks.arguments import at_least, make_parser, positive
from benchmarks.timing import in_turn
from cxrreport.imaging.load import load_image
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.records import SIDE

_BITS = 12
_DX = "1.2.840.10008.5.1.4.1.1.1.1"
Pixels = npt.NDArray[Any]
Encode, Decode = Callable[[Pixels], bytes], Callable[[bytes], Pixels]
_WAYS: dict[str, tuple[str, Encode, Decode]] = {
    "raw": ("1.2.840.10008.1.2.1", lambda pixels: pixels.tobytes(), lambda raw: np.frombuffer(raw, np.uint16)),
    "JPEG lossless": (
        "1.2.840.10008.1.2.4.70",
        partial(imagecodecs.jpeg8_encode, lossless=True, predictor=1, bitspersample=_BITS),
        imagecodecs.jpeg8_decode,
    ),
    "JPEG 12 bit, lossy": (
        "1.2.840.10008.1.2.4.51",
        partial(imagecodecs.jpeg8_encode, level=95, bitspersample=_BITS),
        imagecodecs.jpeg8_decode,
    ),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode, imagecodecs.jpegls_decode),
    "JPEG 2000": (
        "1.2.840.10008.1.2.4.90",
        partial(imagecodecs.jpeg2k_encode, level=0, reversible=True, codecformat="j2k", bitspersample=_BITS),
        imagecodecs.jpeg2k_decode,
    ),
    "HTJ2K": ("1.2.840.10008.1.2.4.201", partial(imagecodecs.htj2k_encode, reversible=True), imagecodecs.htj2k_decode),
}


def draw(rows: int, columns: int) -> Pixels:
    """A chest of so many pixels, with noise, uint16 of 12 bits."""
    chest = draw_frontal(3, (), exposure_seed=0, side=1024).pixels.astype(np.float32)
    large = np.asarray(Image.fromarray(chest).resize((columns, rows), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).normal(0, 12, large.shape)
    return np.clip(200 + 3600 * large / large.max() + noise, 0, (1 << _BITS) - 1).astype(np.uint16)


def write(path: Path, pixels: Pixels, syntax: str, coded: bytes) -> Path:
    """Write a film as DICOM; what is coded is put into an item, unless it is raw."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID, film.file_meta.MediaStorageSOPClassUID = syntax, _DX
    film.SOPClassUID, film.SOPInstanceUID, film.PhotometricInterpretation = _DX, "1.2.3", "MONOCHROME2"
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 1, 16, 12, 11, 0
    film.WindowCenter, film.WindowWidth = 2000, 4000
    raw = len(coded) == pixels.nbytes
    film.PixelData = coded if raw else encapsulate([coded + b"\0" * (len(coded) % 2)])
    film["PixelData"].VR, film["PixelData"].is_undefined_length = "OW" if raw else "OB", not raw
    film.save_as(path, enforce_file_format=True)
    return path


def _peer(decode: Decode, coded: bytes, shape: tuple[int, int]) -> Pixels:
    values = decode(coded).reshape(shape).astype(np.float32)
    return np.asarray(Image.fromarray(values).resize((SIDE, SIDE), Image.Resampling.HAMMING, reducing_gap=3.0))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print milliseconds a film of both, and their ratio."""
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=at_least(64), default=2500)
    parser.add_argument("--columns", type=at_least(64), default=2048)
    parser.add_argument("--rounds", type=positive, default=5)
    options = parser.parse_args(arguments)
    pixels = draw(options.rows, options.columns)
    with tempfile.TemporaryDirectory() as folder:
        for name, (syntax, encode, decode) in _WAYS.items():
            coded = bytes(encode(pixels))
            path = write(Path(folder) / "film.dcm", pixels, syntax, coded)
            ways = partial(load_image, str(path), pixels.size), partial(_peer, decode, coded, pixels.shape)
            ours, theirs = (1000 * seconds for seconds in in_turn(ways, options.rounds))
            print(f"{name:<20}{ours:8.1f} ms a film   peer {theirs:8.1f} ms   ratio {ours / theirs:5.2f}")


if __name__ == "__main__":
    main()
