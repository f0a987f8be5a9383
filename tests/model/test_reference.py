"""How far films lie from groups of training films."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.reference import made_up_reference
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cxrreport.errors import WeightsError
from cxrreport.model.manifest import NETWORK
from cxrreport.model.reference import REFERENCE, Reference

KNOWN = made_up_reference()
FEATURES = arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(12)), elements=st.floats(-1e3, 1e3, width=32))


@given(FEATURES, st.randoms(use_true_random=False))
def test_a_distance_is_that_of_the_film_alone(films: np.ndarray, rng) -> None:
    found, order = KNOWN.distances(films), rng.sample(range(len(films)), len(films))
    assert found.shape == (len(films),) and np.isfinite(found).all() and (found >= 0).all()
    assert np.allclose(KNOWN.distances(films[order]), found[order], rtol=1e-4, atol=1e-4)
    assert np.allclose(KNOWN.distances(films[:1]), found[:1], rtol=1e-4, atol=1e-4)


def test_films_of_a_group_are_near_and_others_far_whatever_their_brightness() -> None:
    near, far = np.full((1, 12), 1.0, np.float32), np.tile(np.float32([1.0, -1.0]), 6)[None]
    assert KNOWN.distances(near)[0] < 0.5 and KNOWN.distances(far)[0] > 2
    assert np.allclose(KNOWN.distances(far), KNOWN.distances(7 * far), rtol=1e-4)


def test_it_is_the_mahalanobis_distance_where_all_directions_are_kept() -> None:
    rng = np.random.default_rng(1)
    axes, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    variance = np.array([4.0, 2.0, 1.0], np.float32)
    one = np.ones(1, np.float32)
    made = Reference(
        np.zeros((1, 4), np.float32), axes[:3].astype(np.float32), variance, 0.5 * one, one, np.zeros(32, np.uint8)
    )
    film = rng.normal(size=(1, 4)).astype(np.float32)
    film /= np.linalg.norm(film)
    covariance = axes.T @ np.diag([*variance, 0.5]) @ axes
    assert made.distances(film)[0] == pytest.approx(
        float(np.sqrt(film @ np.linalg.inv(covariance) @ film.T)[0, 0]), rel=1e-5
    )


def test_what_is_stored_gives_the_same_distances() -> None:
    films = np.random.default_rng(2).normal(size=(5, 12)).astype(np.float32)
    again = Reference.parse(KNOWN.content)
    assert np.allclose(again.distances(films), KNOWN.distances(films)) and again.sha256 == KNOWN.sha256


def test_weights_without_groups_know_no_distance(tmp_path: Path) -> None:
    assert Reference.shipped(tmp_path, {"files": {}}) is None


@pytest.mark.parametrize("change", ["other bytes", "other network", "gone"])
def test_groups_that_are_not_those_of_the_weights_are_refused(tmp_path: Path, change: str) -> None:
    manifest = {"reference": KNOWN.sha256, "files": {NETWORK: "00" * 32}}
    (tmp_path / REFERENCE).write_bytes(KNOWN.content)
    assert Reference.shipped(tmp_path, manifest) is not None
    if change == "other bytes":
        (tmp_path / REFERENCE).write_bytes(replace(KNOWN, bound=2 * KNOWN.bound).content)
    elif change == "other network":
        manifest["files"] = {NETWORK: "11" * 32}
    else:
        (tmp_path / REFERENCE).unlink()
    with pytest.raises(WeightsError) as met:
        Reference.shipped(tmp_path, manifest)
    assert met.value.code == "weights.reference"


@given(st.integers(0, len(KNOWN.content) - 1))
def test_a_file_that_was_cut_is_refused(end: int) -> None:
    with pytest.raises(WeightsError):
        Reference.parse(KNOWN.content[:end])


@pytest.mark.parametrize("bad", [{"variance": np.zeros(3, np.float32)}, {"bound": np.zeros(1, np.float32)}])
def test_numbers_that_give_no_distance_are_refused(bad: dict) -> None:
    with pytest.raises(WeightsError):
        Reference.parse(replace(KNOWN, **bad).content)
