import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.model.calibration import sigmoid
from cxrreport.trust.platt import SENSITIVITY, fit_platt, negative_bound, positive_bound
from cxrreport.trust.scored import Labelled

RNG = np.random.default_rng(0)


def _films(count, slope, offset, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, count)
    return Labelled(sigmoid(logits), rng.random(count) < sigmoid(slope * logits + offset), np.ones(count))


def test_a_known_curve_is_found_again():
    assert fit_platt(_films(20000, 0.5, -1.5), (1.0, 0.0), 1.0) == pytest.approx((0.5, -1.5), abs=0.08)


def test_few_films_stay_near_the_centre_and_none_at_it():
    few = _films(12, 0.5, -3.0)
    held, free = fit_platt(few, (1.0, 0.0), 1e4), fit_platt(few, (1.0, 0.0), 1.0)
    assert held == pytest.approx((1.0, 0.0), abs=0.01) and abs(free[1]) > 0.3


def test_a_score_never_speaks_against_its_finding():
    assert fit_platt(_films(500, -1.0, 0.0), (1.0, 0.0), 1.0)[0] > 0


def test_of_the_bounds_with_half_the_calls_right_that_of_the_best_f1_is_taken():
    p = np.linspace(0.9, 0.1, 20)
    positive = np.array([1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], bool)
    bound = positive_bound(p, positive, np.ones(20))  # the lowest with half right would call 15
    assert bound.rule == "precision" and (p >= bound.probability).sum() == 8
    assert (bound.precision, bound.sensitivity) == pytest.approx((7 / 8, 7 / 8))


def test_what_is_right_less_than_half_the_time_is_never_called():
    positive = np.tile([False, True, False], 20)
    bound = positive_bound(np.linspace(0.9, 0.1, 60), positive, np.ones(60))
    assert (bound.rule, bound.probability) == ("never", None)


def test_few_right_calls_are_chance():
    positive = np.array([True] * 4 + [False] * 30)
    assert positive_bound(np.linspace(0.9, 0.1, 34), positive, np.ones(34)).probability is None


def test_a_weight_counts_as_so_many_films():
    p, positive = np.array([0.8, 0.6, 0.4]), np.array([True, False, True])
    weights = np.array([5.0, 1.0, 5.0])
    many = positive_bound(np.repeat(p, [5, 1, 5]), np.repeat(positive, [5, 1, 5]), np.ones(11))
    assert negative_bound(p, positive, weights) == 0.4
    assert many.precision == pytest.approx(10 / 11)


@given(
    st.lists(st.tuples(st.sampled_from(np.linspace(0.05, 0.95, 19).tolist()), st.booleans()), min_size=1, max_size=80)
)
def test_no_more_positives_are_denied_than_allowed(films):
    p, positive = (np.array(column) for column in zip(*films, strict=True))
    if positive.any():
        bound = negative_bound(p, positive, np.ones(len(p)))
        assert (p[positive] >= bound).mean() >= SENSITIVITY
