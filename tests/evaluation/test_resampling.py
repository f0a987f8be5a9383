import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.evaluation.clinical import auc
from cxrreport.evaluation.resampling import auc_draws, draw_counts, interval


def test_every_draw_has_as_many_studies_and_is_repeatable():
    counts = draw_counts(30, seed=3, draws=200)
    assert counts.shape == (200, 30) and (counts.sum(1) == 30).all() and counts.max() > 1
    assert np.array_equal(counts, draw_counts(30, 3, 200)) and not np.array_equal(counts, draw_counts(30, 4, 200))


@pytest.mark.parametrize(("studies", "draws"), [(0, 10), (3, 0)])
def test_nothing_to_draw_is_refused(studies, draws):
    with pytest.raises(ValueError, match="draws"):
        draw_counts(studies, 0, draws)


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).normal(5, 1, 200)
    low, high = interval(draw_counts(200, 1) @ values / 200)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(200), rel=0.15)


def test_undefined_draws_are_left_out():
    assert interval(np.array([1.0, np.nan, 1.0])) == (1, 1)
    assert interval(np.array([np.nan])) is None


@given(st.integers(2, 25), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_areas_of_draws_are_areas_of_the_repeated_studies(n, seed):
    rng = np.random.default_rng(seed)
    positive, p = rng.random(n) < 0.4, rng.random(n).round(1)
    counts = draw_counts(n, seed, 5)
    for row, area in zip(counts.astype(int), auc_draws(positive, p, counts), strict=True):
        expected = auc(np.repeat(positive, row), np.repeat(p, row))
        assert area == pytest.approx(expected, nan_ok=True)
