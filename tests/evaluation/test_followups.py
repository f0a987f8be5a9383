"""New and resolved of real follow-ups: F1 over all findings of all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.evaluation.followups import BEST_DIFFERENCE, BEST_PAIR, KINDS, FollowedUp, followup_rows, joint_states
from cxrreport.evaluation.temporal import score_presence


def pairs(seed, count=30):
    rng = np.random.default_rng(seed)
    joint, known = rng.integers(0, 4, (count, 13)), rng.random((count, 13)) < 0.8
    now, before = rng.random((2, count, 13)).round(1)
    return FollowedUp(joint, known, now, before, np.array([str(i // 2) for i in range(count)]))


def shares(seed, count=30):
    return dict(zip(KINDS, np.random.default_rng(seed).random((2, count, 13)).round(2), strict=True))


def test_joint_states():
    now, before = np.array([[False, True, False, True]]), np.array([[False, False, True, True]])
    assert joint_states(now, before).tolist() == [[0, 1, 2, 3]]


@given(st.integers(0, 100))
def test_f1_is_that_of_the_other_tables(seed):
    truth = pairs(seed)
    said = np.random.default_rng(seed + 1).integers(0, 4, truth.joint.shape)
    row = followup_rows(truth, {"said": said}, shares(seed), 0)["said"]
    expected = score_presence(np.where(truth.known, truth.joint, -1), said)
    assert {kind: row[kind]["f1"] for kind in KINDS} == pytest.approx(expected)
    assert all(row[kind]["low"] <= row[kind]["high"] for kind in KINDS)
    assert all(row[kind]["right"] <= min(row[kind]["said"], row[kind]["true"]) for kind in KINDS)


@given(st.integers(0, 100), st.floats(-1, 1))
def test_no_bound_does_better_than_the_best(seed, bound):
    truth, likely = pairs(seed), shares(seed)
    rise = truth.now - truth.before
    calls = {BEST_DIFFERENCE: np.where(rise >= bound, 1, 0), BEST_PAIR: np.where(likely["new"] >= bound, 1, 0)}
    for best, said in calls.items():
        rows = followup_rows(truth, {"some": said}, likely, 0)
        assert rows[best]["new"]["f1"] >= rows["some"]["new"]["f1"] - 1e-9


def test_what_does_not_happen_has_no_score_and_truth_has_a_full_one():
    truth = pairs(0)
    truth.joint[truth.joint == 2] = 0
    row = followup_rows(truth, {"truth": truth.joint}, shares(0), 0)["truth"]
    assert row["new"]["f1"] == row["new"]["low"] == 1 and row["resolved"]["f1"] is None
