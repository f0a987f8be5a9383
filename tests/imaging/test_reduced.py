"""JPEG 2000 at a fraction of its size is the whole image seen from further away, or it is decoded whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import builders.dicom as builders
import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.encaps import encapsulate
from scipy.ndimage import gaussian_filter

from cxrreport.errors import PixelError
from cxrreport.imaging.load import load_image
from cxrreport.imaging.pages import is_page
from cxrreport.imaging.pixels import Frame, read_frame
from cxrreport.imaging.preprocess import ENOUGH, preprocess
from cxrreport.imaging.reduced import centred, factor_for

LARGE = 10**7


def film(rows: int = 1100, columns: int = 1030, bits: int = 12) -> npt.NDArray[np.uint16]:
    """A chest with the noise of a film of its size, rather than of the pixel next to it."""
    smooth = gaussian_filter(builders.chest(rows, columns, bits).astype(float), 2)
    return np.round(smooth).astype(np.uint16)


def read(path: Path, least: int | None = ENOUGH) -> Frame:
    """Read a frame of which `least` pixels a side are enough."""
    return read_frame(str(path), LARGE, least)


def means(values: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """Means of blocks of factor x factor; what is left over at the ends is cut."""
    rows, columns = (side // factor for side in values.shape)
    cut = values[: rows * factor, : columns * factor].astype(float)
    return cut.reshape(rows, factor, columns, factor).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("shape", "factor"), [((1023, 4000), 1), ((1024, 1024), 2), ((2500, 2048), 4), ((4280, 3520), 4), ((20, 20), 1)]
)
def test_no_side_gets_smaller_than_is_enough(shape: tuple[int, int], factor: int) -> None:
    assert factor_for(shape, 512) == factor


@pytest.mark.parametrize(("shape", "factor"), [((512, 520), 2), ((600, 517), 4), ((1043, 1033), 8)])
def test_a_reduced_frame_is_the_block_means_of_the_whole_one(
    tmp_path: Path, shape: tuple[int, int], factor: int
) -> None:
    path = builders.write_dicom(tmp_path / "a", film(*shape), builders.JPEG_2000)
    whole, reduced = read(path, None), read(path, min(shape) // factor)
    assert (whole.factor, reduced.factor) == (1, factor)
    assert reduced.values.shape == tuple(-(-side // factor) for side in shape)
    expected = means(whole.values, reduced.factor)
    found = reduced.values[: len(expected), : expected.shape[1]]
    assert np.abs(found - expected).mean() < 0.003 * np.ptp(expected)
    assert whole.pixel_sha256 == reduced.pixel_sha256 and whole.stored_sha256 != reduced.stored_sha256


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_prepared_film_is_that_of_the_whole_one(tmp_path: Path, photometric: str) -> None:
    tags: dict[str, Any] = {"PhotometricInterpretation": photometric, "WindowCenter": 1900, "WindowWidth": 3000}
    path = builders.write_dicom(tmp_path / "a", film(), builders.JPEG_2000, **tags)
    off = load_image(str(path), LARGE).pixels - preprocess(read(path, None).values).astype(float)
    assert np.abs(off).mean() < 0.5


def even(frame: bytes) -> bytes:
    return frame + b"\0" * (len(frame) % 2)


def encoded(pixels: npt.NDArray[Any], bits: int) -> dict[str, bytes]:
    """Pixel Data whose codestream says that its values have so many bits, signed or not as the pixels are."""
    stream = imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k", bitspersample=bits)
    return {"PixelData": encapsulate([even(bytes(stream))])}


@pytest.mark.parametrize(("lowest", "bits"), [(0, 12), (0, 16), (-2048, 12)])
def test_cells_that_hold_what_the_header_says_come_reduced(tmp_path: Path, lowest: int, bits: int) -> None:
    pixels = (film().astype(int) + lowest).astype(np.int16 if lowest else np.uint16)
    path = builders.write_dicom(tmp_path / "a", pixels, builders.JPEG_2000, **encoded(pixels, bits))
    assert read(path).factor == 2
    assert np.abs(means(read(path, None).values, 2) - read(path).values[:, : 1030 // 2]).mean() < 10


@pytest.mark.parametrize(
    ("pixels", "tags"),
    [
        (film(), {"PixelPaddingValue": 0}),  # values between a padding and the image are of neither
        (film(bits=16), {}),  # 16 bits where the header says 12
        (film(), {"BitsStored": 10, "HighBit": 11}),
        (film(), {"PixelRepresentation": 1}),  # but the codestream says that they are not signed
        (film(900, 1100), {}),
    ],
)
def test_what_cannot_be_told_from_a_part_is_decoded_whole(
    tmp_path: Path, pixels: npt.NDArray[Any], tags: dict[str, Any]
) -> None:
    stream = encoded(pixels, 16 if pixels.max() > 4095 else 12)
    path = builders.write_dicom(tmp_path / "a", pixels, builders.JPEG_2000, **stream, **tags)
    assert read(path).factor == 1
    assert np.array_equal(read(path).values, read(path, None).values)


def test_a_codestream_without_such_a_band_is_decoded_whole(tmp_path: Path) -> None:
    pixels = film()
    stream = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", bitspersample=12, resolutions=1)
    data = encapsulate([even(bytes(stream))])
    path = builders.write_dicom(tmp_path / "a", pixels, builders.JPEG_2000, PixelData=data)
    assert read(path).factor == 1 and np.array_equal(read(path).values, pixels)


@pytest.mark.parametrize("share", [0.3, 0.97])
def test_a_cut_film_is_refused_although_the_small_one_is_there(tmp_path: Path, share: float) -> None:
    frame = builders.encode_frame(film(), builders.JPEG_2000)
    for end in (b"", b"\xff\xd9", bytes(len(frame))):
        data = encapsulate([even(frame[: int(len(frame) * share)] + end)])
        path = builders.write_dicom(tmp_path / "a", film(), builders.JPEG_2000, PixelData=data)
        with pytest.raises(PixelError) as caught:
            read(path)
        assert caught.value.code == "pixels.truncated"


def test_a_shutter_lies_where_it_lay(tmp_path: Path) -> None:
    tags = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [500, 500], "RadiusOfCircularShutter": 300}
    path = builders.write_dicom(tmp_path / "a", film(1024, 1024), builders.JPEG_2000, **tags)
    whole, reduced = read(path, None).values, read(path).values
    dark = (means(whole == whole.min(), 2) > 0.5) ^ (reduced == reduced.min())
    assert dark.mean() < 0.005


def test_small_letters_are_looked_at_in_the_whole_image(tmp_path: Path) -> None:
    """Paper and ink of a page mingle to greys where it is reduced."""
    image = Image.new("L", (2048, 2100), 255)
    for line in range(60, 2040, 20):
        words = "Lorem ipsum dolor sit amet consetetur sadipscing " * 6
        ImageDraw.Draw(image).text((60, line), words, fill=0, font=ImageFont.load_default(13))
    path = builders.write_dicom(tmp_path / "a", np.asarray(image), builders.JPEG_2000, bits=8)
    assert not is_page(read(path).values)
    with pytest.raises(PixelError, match="text"):
        load_image(str(path), LARGE)


def test_high_throughput_is_decoded_whole_and_has_the_digest_of_its_values(tmp_path: Path) -> None:
    """Its decoder gives values below nothing as white where it is reduced."""
    found = read(builders.write_dicom(tmp_path / "a", film(), builders.HTJ2K))
    assert found.factor == 1 and found.pixel_sha256 == found.stored_sha256


def test_a_ramp_stays_where_it_is() -> None:
    ramp = np.add.outer(np.arange(64.0) * 3, np.arange(32.0)).astype(np.float32)
    assert np.allclose(centred(ramp[::4, ::4], 4)[:-1, :-1], means(ramp, 4)[:-1, :-1])
