import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.evaluation.clinical import auc, auc_draws, mean_auc, score, state_maps
from cxrreport.evaluation.counts import draw_counts
from cxrreport.findings import FINDINGS, State

P = State.POSITIVE


def test_state_maps_follow_the_order_of_findings_and_states():
    (found,) = state_maps(np.array([[i % 4 for i in range(14)]]))
    assert list(found) == list(FINDINGS)
    assert [found[f] for f in FINDINGS[:4]] == [State.BLANK, State.POSITIVE, State.NEGATIVE, State.UNCERTAIN]


def test_scores_by_hand():
    """Two of three reports name a finding that is not there, one finds one of two; uncertain is no positive."""
    found = score(
        [{"edema": P, "fracture": P}, {"edema": P}, {}], [{"edema": P}, {"fracture": P}, {"edema": State.UNCERTAIN}]
    )
    assert found == pytest.approx(
        {
            **{"example_precision": 1 / 6, "example_recall": 1 / 3, "example_f1": 2 / 9},
            **{"micro_precision": 1 / 3, "micro_recall": 1 / 2, "micro_f1": 2 / 5},
            **{"macro_precision": 0.5 / 14, "macro_recall": 1 / 14, "macro_f1": 2 / 3 / 14},
        }
    )


def test_only_positive_counts_and_what_is_alike_scores_one():
    assert set(score([{"edema": State.UNCERTAIN}], [{"edema": State.NEGATIVE}]).values()) == {0}
    labels = [{"edema": P}, {"fracture": P, "pneumonia": P}]
    assert score(labels, labels)["example_f1"] == score(labels, labels)["micro_f1"] == 1


def test_mismatch_is_refused():
    with pytest.raises(ValueError):
        score([{}], [])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(rows):
    positives = [p for label, p in rows if label]
    negatives = [p for label, p in rows if not label]
    value = auc([label for label, _ in rows], [p for _, p in rows])
    if not positives or not negatives:
        assert math.isnan(value)
    else:
        pairs = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
        assert value == pytest.approx(sum(pairs) / len(pairs))


@given(st.integers(2, 25), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_areas_of_draws_are_areas_of_the_repeated_studies(n, seed):
    rng = np.random.default_rng(seed)
    positive, p = rng.random(n) < 0.4, rng.random(n).round(1)
    counts = draw_counts(n, seed, 5)
    for row, area in zip(counts.astype(int), auc_draws(positive, p, counts), strict=True):
        assert area == pytest.approx(auc(np.repeat(positive, row), np.repeat(p, row)), nan_ok=True)


def test_mean_area_is_that_of_findings_with_enough_positives_and_a_negative():
    truth = np.array([[1, 1, 1, np.nan], [0, 1, 0, np.nan], [1, 1, np.nan, np.nan], [0, 1, 0, np.nan]])
    scores = np.array([[0.9, 0.5, 0.1, 0.5], [0.1, 0.5, 0.5, 0.5], [0.8, 0.5, 0.9, 0.5], [0.2, 0.5, 0.6, 0.5]])
    assert mean_auc(truth, scores) == pytest.approx((1 + 0) / 2)
    assert mean_auc(truth, scores, 2) == 1
    assert mean_auc(truth[:, 1:2], scores[:, 1:2]) is None
