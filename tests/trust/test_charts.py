"""Control charts: quiet where nothing changes, however small a week is, and ringing where something does."""

from __future__ import annotations

import numpy as np
import pytest
from builders.drift import cell
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.store.weeks import Cell
from cxrreport.trust.charts import add, course, fit, limit

studies = st.integers(1, 500)
shares = st.sampled_from([0.02, 0.1, 0.25, 0.5])


def whole(number: int, share: float) -> Cell:
    """A week in which exactly this share has the finding."""
    return Cell(number, number, number * share, number * share)


@given(st.lists(studies, min_size=8, max_size=20), st.lists(studies, min_size=1, max_size=30), shares)
def test_what_stays_as_it_was_never_rings(before, after, share):
    (usual,) = fit([[whole(number, share) for number in before]])
    points = course(usual, [whole(number, share) for number in after])
    assert all(abs(point.score) < limit(1, 0.2) for point in points)


@given(st.lists(st.tuples(studies, shares), min_size=2, max_size=20))
def test_sums_do_not_depend_on_the_order(weeks):
    cells = [whole(*week) for week in weeks]
    forward, back = add(cells), add(reversed(cells))
    assert forward.studies == back.studies and forward.total == pytest.approx(back.total)
    assert fit([cells])[0].excess == pytest.approx(fit([cells[::-1]])[0].excess)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(1, 5))
def test_weeks_without_a_study_change_nothing(numbers, empty):
    (usual,) = fit([[whole(50, 0.2)] * 8])
    weeks = [cell(np.arange(number) % 4 == 0) for number in numbers]
    told = course(usual, [*weeks, *[Cell()] * empty])
    before, after = told[len(weeks) - 1], told[-1]
    if sum(numbers):
        assert after.score == pytest.approx(before.score) and after.value is None and after.studies == 0
    else:
        assert before is after is None


def test_a_finding_twice_as_often_rings_within_weeks_and_a_small_week_hardly_moves():
    (usual,) = fit([[whole(150, 0.1)] * 8])
    assert course(usual, [whole(150, 0.2)] * 4)[-1].score > limit(100, 10)
    assert course(usual, [*[whole(150, 0.1)] * 8, whole(2, 1.0)])[-1].score < 2


def test_a_finding_that_vanishes_is_seen_too():
    (usual,) = fit([[whole(150, 0.1)] * 8])
    assert course(usual, [whole(150, 0.0)] * 10)[-1].score < -limit(100, 10)


def test_what_was_never_seen_may_happen_once():
    (usual,) = fit([[whole(60, 0.0)] * 8])
    assert course(usual, [cell(np.arange(60) == 0)])[0].score < limit(10, 10)
    assert course(usual, [cell(np.arange(60) < 20)])[0].score > limit(10, 10)


def test_weeks_that_differ_anyway_are_given_more_room():
    rng = np.random.default_rng(1)
    alike, unlike = ([whole(200, share) for share in 0.2 + spread * rng.normal(size=12)] for spread in (0.0, 0.05))
    calm, restless = fit([alike])[0], fit([unlike])[0]
    assert restless.excess > 4 * calm.excess and restless.unsure > calm.unsure
    higher = [whole(200, 0.26)] * 3
    assert course(restless, higher)[-1].score < course(calm, higher)[-1].score


def test_observed_beside_expected_is_judged_by_what_was_likely():
    likely = Cell(100, 20.0, 20.0, 8.0)  # 20 of 100 expected and told; squares of the probabilities are 8
    (usual,) = fit([[likely] * 8], ratio=True)
    assert usual.mean == pytest.approx(1, abs=0.01) and usual.variance == pytest.approx(0.6, abs=0.01)
    assert abs(course(usual, [Cell(100, 40.0, 40.0, 16.0)])[0].score) < 1  # twice as many, as was likely
    assert course(usual, [Cell(100, 20.0, 40.0, 8.0)] * 3)[-1].score > 4


@given(st.integers(1, 1000), st.floats(0.5, 50))
def test_more_charts_and_more_years_widen_the_limits(charts, years):
    assert limit(charts + 1, years) > limit(charts, years) and limit(charts, 2 * years) > limit(charts, years)
