import itertools
from dataclasses import replace
from datetime import datetime

import imagecodecs
import numpy as np
import pytest
from builders.conformance import errors_of
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLossless, JPEGLSLossless, RLELossless

from cxrreport.demo.dicomfile import (
    SYNTAXES,
    Identity,
    ImageTags,
    make_image,
    make_uid,
    quantise,
    write_bare,
    write_dicom,
)
from cxrreport.phantoms.phantom import draw_frontal

IDENTITY = Identity("D0001", "DEMO^PATIENT 01", "19500101", "F")
TAGS = ImageTags(make_uid(1), make_uid(2), make_uid(3), "A00101", datetime(2024, 1, 2, 3, 4, 5), "PA", 1)


@pytest.fixture(scope="module")
def film():
    return draw_frontal(1, [], side=64).pixels


def test_every_kind_of_object_conforms(film, tmp_path):
    flags = itertools.product((True, False), (True, False), (True, False), (True, False), ("CHEST", "LEG"))
    for digital, inverted, lut, blank, part in flags:
        tags = replace(
            TAGS,
            digital=digital,
            inverted=inverted,
            lut=lut,
            blank_view=blank,
            blank_body_part=blank,
            body_part=part,
        )
        write_dicom(make_image(film, IDENTITY, tags), tmp_path / "film.dcm")
        assert errors_of(tmp_path / "film.dcm") == []


def test_the_checker_finds_fault(film, tmp_path):
    dataset = make_image(film, IDENTITY, TAGS)
    del dataset.Manufacturer
    write_dicom(dataset, tmp_path / "film.dcm")
    assert errors_of(tmp_path / "film.dcm")


DECODERS = {
    JPEGLSLossless: imagecodecs.jpegls_decode,
    JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    JPEGLossless: imagecodecs.ljpeg_decode,
}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_pixels_survive_every_syntax(syntax, film, tmp_path):
    tags = replace(TAGS, syntax=syntax, inverted=True)
    write_dicom(make_image(film, IDENTITY, tags), tmp_path / "film.dcm")
    dataset, (pixels, bits) = dcmread(tmp_path / "film.dcm"), quantise(film, tags)
    assert dataset.file_meta.TransferSyntaxUID == syntax and dataset.BitsStored == bits
    if syntax in DECODERS:
        stored = DECODERS[syntax](next(generate_frames(dataset.PixelData, number_of_frames=1)))
    else:
        stored = dataset.pixel_array
    np.testing.assert_array_equal(stored, pixels)


def test_rle_is_smaller_than_the_pixels():
    flat = np.zeros((64, 64), np.float32)
    packed = make_image(flat, IDENTITY, replace(TAGS, syntax=RLELossless))
    assert len(packed.PixelData) < 64 * 64


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("lut", [False, True])
def test_display_gives_the_film_back(inverted, lut, film):
    """The window or the VOI LUT shows the same film whatever the storage (PS3.3 C.11.2)."""
    dataset = make_image(film, IDENTITY, replace(TAGS, inverted=inverted, lut=lut))
    stored = np.frombuffer(dataset.PixelData, "<u2").reshape(film.shape)
    if lut:
        item = dataset.VOILUTSequence[0]
        shown = np.frombuffer(item.LUTData, "<u2")[stored] / 65535
    else:
        centre, width = float(dataset.WindowCenter), float(dataset.WindowWidth)
        shown = np.clip((stored - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    assert dataset.PhotometricInterpretation == ("MONOCHROME1" if inverted else "MONOCHROME2")
    np.testing.assert_allclose(1 - shown if inverted else shown, film, atol=0.004)


def test_without_preamble(film, tmp_path):
    write_bare(make_image(film, IDENTITY, TAGS), tmp_path / "bare")
    raw = (tmp_path / "bare").read_bytes()
    assert raw[128:132] != b"DICM" and raw[:2] == b"\x08\x00"
    assert dcmread(tmp_path / "bare", force=True).PatientID == "D0001"


def test_a_lut_for_16_bits_is_refused(film):
    with pytest.raises(ValueError, match="12 bits"):
        make_image(film, IDENTITY, replace(TAGS, lut=True, syntax=JPEGLSLossless))
