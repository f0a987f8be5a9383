import builders.dicom as builders
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.errors import PixelError
from cxrreport.imaging.load import load_image
from cxrreport.imaging.preprocess import preprocess
from cxrreport.records import SIDE

quick = settings(max_examples=15, deadline=None)


def pixels(rows=320, columns=280, seed=0):
    return builders.chest(rows, columns, seed=seed).astype(np.float32)


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int)).mean()


def test_gives_a_square_grey_image_with_dark_air():
    shown = preprocess(pixels())
    assert shown.shape == (SIDE, SIDE) and shown.dtype == np.uint8
    assert shown[:, :4].mean() < 20 < shown[128, 40:216].mean()
    assert shown.min() == 0 and shown.max() == 255


@quick
@given(st.integers(0, 99), st.floats(0.7, 1.5))
def test_its_own_result_hardly_changes(seed, gamma):
    once = preprocess((pixels(seed=seed) / 4095) ** np.float32(gamma))
    assert difference(preprocess(once.astype(np.float32)), once) < 1.5


@quick
@given(st.floats(0.01, 100), st.floats(-3000, 3000))
def test_brightness_and_contrast_do_not_matter(slope, offset):
    assert difference(preprocess(pixels() * np.float32(slope) + np.float32(offset)), preprocess(pixels())) < 0.1


@quick
@given(st.floats(0.6, 1.6))
def test_a_gamma_is_undone(gamma):
    changed = 4095 * (pixels() / 4095) ** np.float32(gamma)
    assert difference(preprocess(changed), preprocess(pixels())) < 3


def test_eight_bits_look_like_twelve():
    assert difference(preprocess(np.floor(pixels() / 16)), preprocess(pixels())) < 1.5


def test_size_does_not_matter():
    small = preprocess(builders.chest(300, 260).astype(np.float32))
    large = preprocess(builders.chest(1500, 1300).astype(np.float32))
    assert difference(small, large) < 4


def test_black_borders_leave_the_grey_values_of_the_image_alone():
    plain = pixels(256, 256)
    framed = np.zeros((320, 320), np.float32)
    framed[32:288, 32:288] = plain
    inside, whole = preprocess(framed)[26:230, 26:230], preprocess(plain)
    assert abs(np.median(inside[inside > 60]) - np.median(whole[whole > 60])) < 8


def test_burnt_in_letters_do_not_dim_the_image():
    lettered = pixels(256, 256)
    lettered[8:16, 8:24] = 40000
    assert difference(preprocess(lettered)[32:], preprocess(pixels(256, 256))[32:]) < 3


LETTERS = np.zeros((256, 256), np.float32)
LETTERS[3:6, 3:9] = LETTERS[200:202, 200:205] = 255


@pytest.mark.parametrize("pixels", [*(np.full((300, 200), value, np.float32) for value in (0, 7, -3.5)), LETTERS])
def test_a_blank_image_and_one_of_letters_alone_are_refused(pixels):
    with pytest.raises(PixelError) as caught:
        preprocess(pixels)
    assert caught.value.code == "pixels.blank"


def test_a_file_and_the_same_image_stored_otherwise_look_alike(tmp_path):
    plain = load_image(str(builders.write_dicom(tmp_path / "a")), 10**6)
    stored = 4095 - builders.chest()
    other = builders.write_dicom(
        tmp_path / "b",
        stored,
        builders.JPEG_LS,
        PhotometricInterpretation="MONOCHROME1",
        WindowCenter=2048,
        WindowWidth=4096,
    )
    assert difference(load_image(str(other), 10**6).pixels, plain.pixels) < 0.5
    assert load_image(str(other), 10**6).pixel_sha256 != plain.pixel_sha256
