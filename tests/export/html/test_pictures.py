"""Pictures of a page stay within their budget, however much there is in the films."""

from __future__ import annotations

import numpy as np
import pytest

from cxrreport.export.films import Pictures
from cxrreport.export.html import pictures


@pytest.mark.parametrize("budget", [60_000, 20_000, 3_000])
def test_films_of_noise_are_made_worse_until_they_fit(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_BUDGET", budget)
    noise = np.random.default_rng(0).integers(0, 256, (200, 160, 3), np.uint8)
    films = pictures.films(Pictures(noise[..., 0], noise[..., 1], noise, (), (1.0, 1.0)))
    assert [film.kind for film in films] == ["current", "prior", "difference"]
    assert sum(len(film.url) for film in films) <= budget * 4 / 3 + 100
    assert {(film.width, film.height) for film in films} == {(160, 200)}  # boxes lie where they lay
