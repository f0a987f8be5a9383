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
    digests = {load(f"wg04/RG2_{syntax}.dcm").pixel_sha256 for syntax in ("J2KR", "JLSL", "JPLL", "RLE")}
    assert len(digests) == 1


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
