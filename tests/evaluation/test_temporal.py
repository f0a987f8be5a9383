import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cxrreport.evaluation.temporal import CLASSES, classes, false_change, hits, overlap, score_changes, score_presence

CHANGE = st.integers(-1, 5)


def test_joint_states_and_courses_become_changes():
    joint = np.array([[0, 1, 2, 3, 3, 3, 3, -1]])
    direction = np.array([[-1, -1, -1, 0, 1, 2, -1, -1]])
    said = [CLASSES[i] if i >= 0 else None for i in classes(joint, direction)[0]]
    assert said == ["absent", "new", "resolved", "worsened", "unchanged", "improved", None, None]


def test_scores_count_what_is_missed_and_what_is_invented():
    truth = np.array([[0, 0, 1, 5, 5, -1]])
    said = np.array([[0, 5, 1, 0, 5, 3]])
    found = score_changes(truth, said)
    assert found.each == {"new": pytest.approx(0.5), "worsened": 1.0}
    assert found.macro == pytest.approx(0.75) and found.both == 1.0
    assert score_changes(np.full((1, 3), 5), np.full((1, 3), 0)).macro is None


@given(arrays(np.int64, (4, 5), elements=CHANGE))
def test_the_truth_scores_one_against_itself(truth):
    found = score_changes(truth, truth)
    assert all(f1 == 1 for f1 in found.each.values())


@given(arrays(np.int64, (4, 5), elements=CHANGE), arrays(np.int64, (4, 5), elements=st.integers(0, 5)))
def test_scores_lie_between_0_and_1_and_need_no_order(truth, said):
    found, turned = score_changes(truth, said), score_changes(truth[::-1], said[::-1])
    assert all(0 <= f1 <= 1 for f1 in found.each.values()) and found == turned


def test_new_and_resolved_alone():
    joint = np.array([[1, 1, 2, 3, -1]])
    assert score_presence(joint, np.array([[1, 0, 2, 2, 1]])) == {
        "new": pytest.approx(2 / 3),
        "resolved": pytest.approx(2 / 3),
    }


def test_false_change_by_pair_and_by_finding():
    said = np.array([[5, 2, 5, 5], [5, 0, 4, 2], [2, 2, 5, 5]])
    assert false_change(said) == (pytest.approx(1 / 3), pytest.approx(2 / 12))


def test_the_pointing_game_asks_for_the_highest_point():
    heat = np.zeros((10, 10), np.float32)
    heat[7, 2] = 1  # middle of the cell: x .25, y .75
    assert hits(heat, [(0.2, 0.7, 0.1, 0.1)]) and not hits(heat, [(0.7, 0.2, 0.1, 0.1)])
    assert hits(heat, [(0, 0, 0.1, 0.1), (0, 0.5, 0.5, 0.5)])


def test_overlap_is_that_of_the_areas():
    assert overlap([(0, 0, 0.5, 1)], [(0.25, 0, 0.5, 1)]) == pytest.approx(1 / 3)
    assert overlap([(0, 0, 0.5, 1), (0, 0, 0.5, 1)], [(0, 0, 0.5, 1)]) == 1
    assert overlap([], [(0, 0, 1, 1)]) == 0 and overlap([], []) == 0
