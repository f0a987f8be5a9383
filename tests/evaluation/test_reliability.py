import numpy as np
import pytest
from PIL import Image, ImageColor

from cxrreport.evaluation.curves import AFTER, BEFORE, draw_curves
from cxrreport.evaluation.reliability import by_finding, compare, reliability
from cxrreport.findings import FINDINGS


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


def test_two_tables_are_compared_finding_by_finding_and_as_means():
    positive, known = np.zeros((4, 14), bool), np.ones((4, 14), bool)
    positive[:2, :2] = True
    before, after = np.full((4, 14), 0.5), positive.astype(float)
    after[:, 1] = 0.5
    found = compare(before, after, positive, known)
    first, second = FINDINGS[:2]
    assert list(found["findings"]) == [first, second]
    assert found["findings"][first]["brier"] == {"before": 0.25, "after": 0.0}
    assert found["mean"]["brier"] == {"before": 0.25, "after": 0.125}


def test_curves_are_drawn_for_each_finding(tmp_path):
    rng = np.random.default_rng(0)
    positive, known = rng.random((50, 14)) < 0.3, np.ones((50, 14), bool)
    before, after = (by_finding(rng.random((50, 14)), positive, known) for _ in range(2))
    draw_curves(before, after, tmp_path / "r.png")
    with Image.open(tmp_path / "r.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()
    colours = {tuple(pixel) for pixel in pixels}
    assert {ImageColor.getrgb(BEFORE), ImageColor.getrgb(AFTER)} <= colours
    assert picture.height > picture.width / 2  # 14 findings in rows of five
