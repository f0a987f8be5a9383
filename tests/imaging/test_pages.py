"""A page is told from a film by its greys."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from builders.dicom import chest

from cxrreport.imaging.pages import is_page


def page(ink: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """Paper with a share of ink, whose edges are grey."""
    random = np.random.default_rng(seed)
    pixels = np.full((400, 300), 255.0, np.float32)
    pixels[random.random(pixels.shape) < ink] = 0
    edges = random.random(pixels.shape) < ink / 3
    pixels[edges] = random.uniform(0, 255, edges.sum())
    return pixels


@pytest.mark.parametrize("ink", [0.001, 0.05, 0.2])
@pytest.mark.parametrize("sign", [1, -1])
def test_paper_and_ink_are_a_page_in_black_or_in_white(ink: float, sign: int) -> None:
    assert is_page(sign * page(ink))


def test_a_film_is_none_whatever_lies_around_it_or_shines_in_it() -> None:
    film = chest(400, 340).astype(np.float32)
    assert not is_page(film)
    shuttered = np.zeros((550, 475), np.float32)
    shuttered[75:475, 70:410] = film
    assert not is_page(shuttered)
    plate = np.zeros((1300, 1100), np.float32)
    plate[400:800, 300:640] = film  # a tenth of it
    plate[30:90, 30:60] = plate.max()  # a letter
    assert not is_page(plate) and not is_page(-plate)
    film[::100, ::100] = 65535  # a dead pixel here and there
    assert not is_page(film)
