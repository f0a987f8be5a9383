"""What a prior may not move, on real films with the weights of the package; skipped where either is not at hand."""

import pytest
from builders.data import data

from benchmarks.invariance import GOAL, GOALS, STRANGER, invariant_sets, probabilities_moved
from cxrreport.drafting.drafter import open_drafter
from cxrreport.errors import WeightsError
from cxrreport.model.tie import Tie
from cxrreport.model.weights import load_weights
from cxrreport.trust.pairs import read_pairs, share_moved, unchanged

FILMS = 4
KINDS = ("the same file", "turned by 3 degrees", "another window", "lossy JPEG", STRANGER)


@pytest.fixture(scope="module")
def drafter():
    try:
        weights = load_weights(None)
    except WeightsError:
        pytest.skip("no weights in the package")
    return open_drafter(weights)


@pytest.fixture(scope="module")
def sets():
    return invariant_sets(unchanged(data("nih-large"), FILMS))


@pytest.mark.parametrize("kind", KINDS)
def test_a_prior_that_tells_of_no_change_moves_next_to_no_state(drafter, sets, kind):
    fitted = drafter.weights.calibration
    tie = fitted.tie if fitted else Tie()
    read = list(read_pairs(drafter, sets[kind], fitted))
    assert len(read) == FILMS and share_moved(read, tie) <= GOALS.get(kind, GOAL)
    if kind == "the same file":
        assert not any(any(probabilities_moved(pair, tie)) for pair in read)
