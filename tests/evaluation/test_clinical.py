import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.evaluation.clinical import auc, score
from cxrreport.findings import State

P = State.POSITIVE


def _labels(*findings, **other):
    return {finding: P for finding in findings} | {name: state for name, state in other.items()}


def test_scores_by_hand():
    hypotheses = [_labels("edema", "fracture"), _labels("edema"), _labels()]
    references = [_labels("edema"), _labels("fracture"), _labels(edema=State.UNCERTAIN)]
    result = score(hypotheses, references)
    assert result.example.precision == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert result.example.recall == pytest.approx((1 + 0 + 0) / 3)
    assert result.example.f1 == pytest.approx((2 / 3) / 3)
    assert (result.micro.precision, result.micro.recall, result.micro.support) == (pytest.approx(1 / 3), 0.5, 2)
    assert result.micro.f1 == pytest.approx(2 / 5)
    assert result.findings["edema"].f1 == pytest.approx(2 / 3)
    assert result.findings["fracture"].f1 == 0 and result.findings["fracture"].support == 1
    assert result.macro.f1 == pytest.approx(2 / 3 / 14)


def test_only_positive_counts():
    blank = score([_labels(edema=State.UNCERTAIN)], [_labels(edema=State.NEGATIVE)])
    assert (blank.micro.f1, blank.example.f1, blank.micro.support) == (0, 0, 0)


def test_perfect():
    labels = [_labels("edema"), _labels("fracture", "pneumonia")]
    result = score(labels, labels)
    assert result.example.f1 == result.micro.f1 == 1


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
