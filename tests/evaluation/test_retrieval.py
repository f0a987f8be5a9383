import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.evaluation.retrieval import label_f1, label_f1_at
from cxrreport.findings import FINDINGS, State

POSITIVE = tuple(State).index(State.POSITIVE)


def _states(*positives, other=State.BLANK):
    """One row; findings given by number are positive."""
    row = np.full(len(FINDINGS), tuple(State).index(other))
    row[list(positives)] = POSITIVE
    return row


@pytest.mark.parametrize(
    ("ours", "theirs", "f1"),
    [
        ((1, 2), (1, 2), 1),
        ((1, 2), (2, 3), 0.5),
        ((1,), (1, 2, 3), 0.5),
        ((13,), (13,), 1),
        ((13,), (1,), 0),
        ((1,), (), 0),
        ((), (), 1),
    ],
)
def test_f1_of_two_reports(ours, theirs, f1):
    assert label_f1(_states(*ours), _states(*theirs)) == pytest.approx(f1)


@pytest.mark.parametrize("other", [State.NEGATIVE, State.UNCERTAIN])
def test_only_positive_findings_count(other):
    assert label_f1(_states(1, other=other), _states(1)) == 1


def test_at_k_is_the_mean_over_reports_and_queries():
    queries = np.stack([_states(1), _states(2, 3)])
    found = np.stack([[_states(1), _states(2)], [_states(2), _states(2, 3)]])
    assert label_f1_at(queries, found) == pytest.approx((1 + 0 + 2 / 3 + 1) / 4)
    assert label_f1_at(queries, found[:, :1]) == pytest.approx((1 + 2 / 3) / 2)


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_bounded_symmetric_and_1_for_itself(seed):
    a, b = np.random.default_rng(seed).integers(0, 4, (2, 5, 14))
    assert np.array_equal(label_f1(a, b), label_f1(b, a))
    assert ((label_f1(a, b) >= 0) & (label_f1(a, b) <= 1)).all()
    assert label_f1_at(a, a[:, None]) == 1


@pytest.mark.parametrize("shape", [(3, 1, 14), (2, 1, 13), (2, 14), (2, 0, 14)])
def test_shapes_that_do_not_fit(shape):
    with pytest.raises(ValueError, match="retrieved"):
        label_f1_at(np.zeros((2, 14), np.int64), np.zeros(shape, np.int64))
