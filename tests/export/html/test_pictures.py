"""Pictures take the room that the words of a page leave, however much there is in the films."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from builders.views import REFERENCES, study_view

from cxrreport.export.films import Pictures
from cxrreport.export.html import pictures
from cxrreport.export.html.page import render
from cxrreport.export.subject import Subject

NOISE = np.random.default_rng(0).integers(0, 256, (200, 160, 3), np.uint8)
FILMS = Pictures(NOISE[..., 0], NOISE[..., 1], NOISE, (), (1.0, 1.0))


@pytest.mark.parametrize("size", [100_000, 40_000, 4_000])
def test_films_of_noise_are_made_worse_until_the_page_fits(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_PAGE", size)
    monkeypatch.setattr(pictures, "_LEAST", 1_000)
    words = b"".join(b'<img src="film:%b">' % film.kind.encode() for film in pictures.films(FILMS))
    page = pictures.embed(words, FILMS)
    assert page.count(b"data:image/webp") == 3 and len(page) <= size
    assert {(film.width, film.height) for film in pictures.films(FILMS)} == {(160, 200)}  # boxes lie where they lay


def test_a_page_of_long_reports_has_smaller_pictures_and_no_more_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_PAGE", 220_000)
    sizes = []
    for words in (1, 6_000):
        long = tuple((replace(one, findings="word " * words),) for one in REFERENCES)
        page = render(Subject(replace(study_view(), references=long), 10_000_000, drawn=FILMS))
        sizes.append(sum(map(len, re.findall(rb"data:image/webp;base64,[^\"]+", page))))
        assert len(page) <= 220_000
    assert 0 < sizes[1] < sizes[0]
