"""Errors against the share that is abstained from."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.abstention import by_chance, left


def test_a_score_that_knows_the_errors_leaves_none_and_one_that_knows_the_opposite_leaves_more() -> None:
    errors = np.array([0, 0, 0, 0, 2.0])
    assert left(errors, errors, 0.2) == 0 and left(-errors, errors, 0.2) == pytest.approx(125)
    assert left(errors, errors, 0.0) == 100


def test_random_abstention_changes_nothing_on_average() -> None:
    errors = np.random.default_rng(0).poisson(0.4, 200).astype(float)
    low, high = by_chance(errors, 0.1)
    assert low < 100 < high and high - low < 20
