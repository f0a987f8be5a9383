import numpy as np
import pytest
import torch
from builders.network import random_features, tiny_weights

from cxrreport.errors import WeightsError
from cxrreport.findings import Change
from cxrreport.model.comparer import Comparer
from cxrreport.model.drafter import Drafter, take_features
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.weights import Weights


def comparing_weights(seed=0):
    made = tiny_weights(seed)
    temporal = TemporalNetwork(made.network.config).eval()
    torch.nn.init.normal_(temporal.head.read, std=0.2)
    return Weights(made.network, made.views, made.tokenizer, {}, made.sha256, None, temporal)


@pytest.fixture(scope="module")
def weights():
    return comparing_weights()


def states(drafter, features):
    reports = np.zeros((len(features.pooled), 5, 16), np.float32)
    return drafter.read_states(features, reports, np.zeros(reports.shape[:2], bool))


def films(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, 2, 256, 256), dtype=np.uint8))


def test_a_pair_is_read_the_same_alone_and_among_others(weights):
    comparer, drafter = Comparer(weights), Drafter(weights)
    now, before = random_features(weights.network, 3, 1), random_features(weights.network, 3, 2)
    s_now, s_before = states(drafter, now), states(drafter, before)
    together = comparer.compare(now, before, films(3), [True, False, True], s_now, s_before)
    alone = comparer.compare(
        take_features(now, [1]), take_features(before, [1]), films(3)[1:2], [False], s_now[1:2], s_before[1:2]
    )
    assert together[1].changes == alone[0].changes
    assert together[1].probabilities == pytest.approx(alone[0].probabilities, abs=1e-4)
    assert together[0].maps.shape == (13, 14, 14)


def test_weights_that_compare_nothing_are_refused():
    with pytest.raises(WeightsError, match="compare no pairs"):
        Comparer(tiny_weights())


@pytest.mark.parametrize("tied", [-50.0, 50.0])
def test_the_likeliest_change_has_the_share_that_it_has_among_six(weights, tied):
    """Against the joint distribution written out by hand: a strictness that forbids or forces new and resolved."""
    comparer, drafter = Comparer(weights), Drafter(weights)
    now, before = random_features(weights.network, 2, 1), random_features(weights.network, 2, 2)
    s_now, s_before = states(drafter, now), states(drafter, before)
    held = comparer.network.strictness.clone()
    try:
        comparer.network.strictness.fill_(tied)
        found = comparer.compare(now, before, films(2), [True, True], s_now, s_before)
    finally:
        comparer.network.strictness.copy_(held)
    told = {change for reading in found for change in reading.changes}
    moved = {Change.NEW, Change.RESOLVED}
    assert not told & moved if tied > 0 else told <= moved
    assert all(1 / 6 < share <= 1 for reading in found for share in reading.probabilities)


def test_a_network_that_gives_no_numbers_spoils_its_own_pair_alone(weights):
    comparer, drafter = Comparer(weights), Drafter(weights)
    now, before = random_features(weights.network, 2, 1), random_features(weights.network, 2, 2)
    s_now, s_before = states(drafter, now), states(drafter, before)
    now.patches[0] = float("nan")
    found = comparer.compare(now, before, films(2), [True, True], s_now, s_before)
    assert [reading.valid for reading in found] == [False, True]
