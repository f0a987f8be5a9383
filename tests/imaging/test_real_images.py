"""The rules on real images of public collections; skipped where those are not at hand."""

import numpy as np
import pytest
from builders.data import data

from cxrreport.errors import PixelError
from cxrreport.imaging.load import load_image
from cxrreport.imaging.pixels import read_frame


def load(name):
    return load_image(str(data("dicom", name)), 60_000_000)


def test_one_image_in_lossless_syntaxes_is_one_image():
    files = [str(data("dicom", f"wg04/RG2_{syntax}.dcm")) for syntax in ("J2KR", "JLSL", "JPLL", "RLE")]
    assert len({read_frame(path).stored_sha256 for path in files}) == 1
    assert len({load_image(path, 60_000_000).pixel_sha256 for path in files[1:]}) == 1


@pytest.mark.parametrize("pair", [("RG1_J2KI", "RG1_JLSN"), ("RG2_J2KR", "RG2_JPLY")])
def test_lossy_syntaxes_look_like_the_image(pair):
    one, other = (load(f"wg04/{name}.dcm").pixels.astype(int) for name in pair)
    assert np.abs(one - other).mean() < 4


@pytest.mark.parametrize(
    "name",
    ["wg04/RG1_J2KI", "gdcm/CR-MONO1-10-chest_acrnema", "gdcm/gdcm-CR-MONO1-10-chest", "nih-udacity/test1"],
)
def test_lungs_are_dark_and_the_spine_is_bright(name):
    pixels = load(f"{name}.dcm").pixels
    spine = pixels[60:200, 118:138].mean()
    assert pixels[90:150, 50:100].mean() + 30 < spine and pixels[90:150, 160:200].mean() + 30 < spine


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pydicom/MR_truncated.dcm", "pixels.truncated"),
        ("pydicom/SC_rgb_jpeg_dcmtk.dcm", "pixels.colour"),
        ("pydicom/examples_ybr_color.dcm", "pixels.frames"),
        ("pydicom/test-SR.dcm", "pixels.truncated"),
    ],
)
def test_what_cannot_be_used_says_why(name, code):
    with pytest.raises(PixelError) as caught:
        read_frame(str(data("dicom", name)))
    assert caught.value.code == code


ODD = {
    **dict.fromkeys(
        (
            *("P01-bits-over", "P03-j2k-16bit-declared-12", "P06-jls-signed-12in16", "P07-jls-zero-before-eoi"),
            *("P09-jpeg-64-zeros-after-eoi", "P12-no-offset-table-item", "P14-no-sequence-delimiter"),
            *("P15-baseline-in-lossless-syntax", "P16-uncompressed-but-encapsulated", "P17-extended-offset-table"),
            *("P18-16-alloc-8-stored-j2k", "P19-highbit-below-bitsstored", "P20-voi-lut-empty-item"),
            *("P22-voi-function-empty", "P23-window-nan", "P24-window-decimal-comma", "P27-negative-slope-mono2-agfa8"),
            *("P31-shutter-polygon-one-point", "P32-padding-range-everything", "P33-padding-in-the-lung"),
            *("P34-implicit-in-explicit", "P37-group-length-un", "P47-overlay-in-bits-12-15-burnt"),
            *(
                "P51-voi-lut-shorter-than-told",
                "P53-voi-sequence-without-items",
                "P55-encapsulated-as-OW",
                "P56-odd-lengths",
            ),
        ),
        "",
    ),
    "P10-jpeg-no-eoi": "pixels.truncated",
    "P48-pixels-only-in-icon": "pixels.truncated",
}


def load_odd(name):
    return load_image(str(data("odd", name, "f.dcm")), 60_000_000).pixels.ravel()


def test_odd_films_are_the_film_that_they_were_made_of_or_refused():
    reference = load_odd("P00-reference")
    for name, code in ODD.items():
        try:
            likeness = np.corrcoef(load_odd(name), reference)[0, 1]
            assert code == "" and likeness > 0.98, name
        except PixelError as error:
            assert error.code == code, name


def test_what_a_shutter_hides_of_an_odd_film_is_black():
    shown = load_odd("P30-shutter-white-surround").reshape(256, 256)
    assert shown[:31].max() == shown[:, -31:].max() == 0 and shown[34:220, 34:220].mean() > 60
