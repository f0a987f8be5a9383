import numpy as np
import pytest

from cxrreport.evaluation.reliability import by_finding, reliability


def test_error_and_score_by_hand():
    found = reliability(np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, True, True, True]))
    assert found.ece == pytest.approx((abs(0.2 - 1) + abs(1.8 - 2)) / 4)
    assert found.brier == pytest.approx((0.01 + 0.81 + 0.01 + 0.01) / 4)
    assert found.curve == ((pytest.approx(0.1), 0.5, 2), (pytest.approx(0.9), 1.0, 2))
    assert (found.films, found.positives) == (4, 3)


def test_certainty_that_is_right_has_no_error():
    found = reliability(np.array([0.0, 1.0]), np.array([False, True]))
    assert found.ece == found.brier == 0


def test_a_finding_is_measured_where_the_labels_tell_of_it():
    p, positive = np.full((4, 2), 0.5), np.array([[True, True], [False, True], [True, False], [False, False]])
    known = np.array([[True, False], [True, False], [True, True], [True, True]])
    assert {i: row.films for i, row in by_finding(p, positive, known).items()} == {0: 4}
