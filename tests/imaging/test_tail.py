"""A film that was given its size before its content is cut short; one with a black border is not."""

import builders.dicom as builders
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.errors import PixelError
from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.tail import ends_in_zeros

FILM = builders.chest() + 1


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 158), st.integers(0, 130))
def test_a_film_that_breaks_off_within_a_row_is_told(row, column):
    film = FILM.copy()
    film.ravel()[row * 136 + column + 1 :] = 0
    assert ends_in_zeros(film)


@settings(max_examples=40, deadline=None)
@given(st.integers(80, 159), st.integers(0, 40), st.integers(0, 40), st.just(0.0) | st.floats(0.1, 0.3))
def test_black_borders_straight_or_oblique_are_not(bottom, left, right, slope):
    film = FILM.copy()
    film[bottom:] = 0
    film[:, :left] = 0
    film[:, 136 - right :] = 0
    rows, columns = np.indices(film.shape)
    film[rows > bottom - 20 - slope * columns] = 0
    assert not ends_in_zeros(film)


def test_letters_in_a_black_border_are_not():
    film = FILM.copy()
    film[100:] = 0
    film[120:130, 10:14] = film[120:128, 20:22] = 4095
    assert not ends_in_zeros(film) and not ends_in_zeros(np.zeros((40, 40), np.uint16))


@pytest.mark.parametrize("syntax", [builders.EXPLICIT, builders.IMPLICIT, builders.BIG_ENDIAN])
def test_a_half_copied_file_of_full_size_is_refused(tmp_path, syntax):
    path = builders.write_dicom(tmp_path / "a", FILM, syntax)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 50] + bytes(len(whole) - len(whole) // 2 - 50))
    with pytest.raises(PixelError) as caught:
        read_frame(str(path))
    assert caught.value.code == "pixels.truncated"
