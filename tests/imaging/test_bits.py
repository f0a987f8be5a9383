"""The bits of a value: the header's, unless the codestream or the cells deny them."""

from itertools import product

import builders.dicom as builders
import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate

from cxrreport.errors import PixelError
from cxrreport.imaging.pixels import read_frame

FLICKER = np.arange(160 * 136, dtype=np.uint16).reshape(160, 136) % 2


def values(path):
    return read_frame(str(path)).values


def test_values_above_bits_stored_widen_it(tmp_path):
    pixels = builders.chest(bits=14)
    assert np.array_equal(values(builders.write_dicom(tmp_path / "a", pixels, bits=12)), pixels)
    signed = builders.chest().astype(np.int16) - 1024
    assert np.array_equal(values(builders.write_dicom(tmp_path / "b", signed, bits=12)), signed)


def test_overlays_in_the_high_bits_are_cut_away(tmp_path):
    pixels = builders.chest(bits=10)
    assert np.array_equal(values(builders.write_dicom(tmp_path / "a", pixels | FLICKER << 15, bits=10)), pixels)
    block = pixels.copy()
    block[40:90, 30:80] |= 1 << 12
    assert np.array_equal(values(builders.write_dicom(tmp_path / "b", block, bits=10)), pixels)


def test_an_overlay_that_the_header_names_is_no_part_of_the_value(tmp_path):
    pixels = builders.chest(bits=13)
    dataset = builders.header(pixels, 12)
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    assert np.array_equal(values(builders.write_dataset_file(tmp_path / "a", dataset)), pixels & 0xFFF)


def test_a_shifted_high_bit_is_followed_and_an_impossible_one_passed_by(tmp_path):
    pixels = builders.chest(bits=10)
    shifted = builders.write_dicom(tmp_path / "a", pixels << 4, bits=10, HighBit=13)
    assert np.array_equal(values(shifted), pixels)
    wide = builders.chest(bits=16)
    assert np.array_equal(values(builders.write_dicom(tmp_path / "b", wide, bits=16, HighBit=11)), wide)


def test_copies_of_the_sign_widen_nothing(tmp_path):
    pixels = builders.chest(bits=11).astype(np.int16) - 1024
    assert np.array_equal(values(builders.write_dicom(tmp_path / "a", pixels, bits=12)), pixels)
    bare = (pixels.view(np.uint16) & 0xFFF).view(np.int16)
    assert np.array_equal(values(builders.write_dicom(tmp_path / "b", bare, bits=12)), pixels)


@pytest.mark.parametrize("syntax", [builders.JPEG_LS, builders.JPEG_LOSSLESS, builders.JPEG_2000, builders.HTJ2K])
@pytest.mark.parametrize("declared", [10, 16])
def test_the_precision_of_the_codestream_wins(tmp_path, syntax, declared):
    pixels = builders.chest(bits=14)
    frame = builders.encode_frame(pixels, syntax, 14)
    path = builders.write_dicom(
        tmp_path / "a", pixels, syntax, declared, PixelData=encapsulate([frame + b"\0" * (len(frame) % 2)])
    )
    assert np.array_equal(values(path), pixels)


@pytest.mark.parametrize(
    ("coded_signed", "told_signed", "low"),
    [*product((True, False), (True, False), (0,)), (True, True, -2000), (True, False, -2000), (False, True, -2000)],
)
def test_a_sign_that_makes_no_picture_is_passed_by(tmp_path, coded_signed, told_signed, low):
    """Whichever of header and codestream is right, and be the signed values coded as bare bits."""
    pixels = builders.chest().astype(np.int16) + low
    if coded_signed:
        frame = bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k"))
    else:
        frame = bytes(imagecodecs.jpeg2k_encode(pixels.view(np.uint16), level=0, reversible=True, codecformat="j2k"))
    path = builders.write_dicom(
        tmp_path / "a",
        pixels,
        builders.JPEG_2000,
        16,
        PixelRepresentation=int(told_signed),
        PixelData=encapsulate([frame + b"\0" * (len(frame) % 2)]),
    )
    assert np.array_equal(values(path), pixels)


def test_what_fits_no_reading_is_refused(tmp_path):
    noise = np.random.default_rng(1).integers(0, 1 << 16, (160, 136)).astype(np.uint16)
    with pytest.raises(PixelError) as caught:
        values(builders.write_dicom(tmp_path / "a", noise, bits=12))
    assert caught.value.code == "pixels.bits"
