import numpy as np
import pytest
import torch
from builders.network import random_features, tiny_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.errors import WeightsError
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.model.comparer import Comparer, _reading
from cxrreport.model.drafter import Drafter, StudyStates, take_features
from cxrreport.model.progression import DIRECTIONS, FOLLOWED, PRESENCE, TemporalNetwork
from cxrreport.model.weights import Weights

STATE, SHARE = st.sampled_from(list(State)), st.floats(0, 1)
STATES = st.lists(STATE, min_size=14, max_size=14)


def of_findings(values):
    return st.lists(values, min_size=13, max_size=13)


HERE, GONE = (Change.NEW, Change.UNCHANGED), (Change.RESOLVED, Change.UNCHANGED)


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
    assert together[1].changes == alone[0].changes and together[1].now.states == alone[0].now.states
    assert together[1].probabilities == pytest.approx(alone[0].probabilities, abs=1e-4)
    assert together[0].maps.shape == (13, 14, 14)


def test_weights_that_compare_nothing_are_refused():
    with pytest.raises(WeightsError, match="compare no pairs"):
        Comparer(tiny_weights())


@settings(deadline=None)
@given(
    STATES, STATES, of_findings(st.integers(0, 3)), of_findings(st.integers(0, 2)), of_findings(st.tuples(SHARE, SHARE))
)
def test_table_and_changes_never_contradict_each_other(now, before, presence, direction, marginals):
    alone = [StudyStates(tuple(s), (0.5,) * 14, (), True) for s in (now, before)]
    nothing = np.zeros((13, 2, 2), np.float32)
    found = _reading(presence, direction, marginals, [[1 / 6] * 6] * 13, *alone, nothing, True, torch.zeros(2, 4))
    for index, _ in enumerate(FOLLOWED):
        here, gone = (s.states[index] is State.POSITIVE for s in (found.now, found.before))
        there = PRESENCE[presence[index]]
        assert (here, gone) == (there in HERE, there in GONE)
        assert (found.now.probabilities[index] >= 0.5) == here and (found.before.probabilities[index] >= 0.5) == gone
        unsure = State.UNCERTAIN in (found.now.states[index], found.before.states[index])
        expected = DIRECTIONS[direction[index]] if there is Change.UNCHANGED else there
        assert found.changes[index] == (None if unsure else expected)
        assert (found.probabilities[index] is None) == unsure
    last = FINDINGS.index("no finding")
    for study in (found.now, found.before):
        pathology = [
            s for f, s in zip(FINDINGS, study.states, strict=True) if f not in ("support devices", "no finding")
        ]
        normal = not {State.POSITIVE, State.UNCERTAIN} & set(pathology)
        assert study.states[last] is (State.POSITIVE if normal else State.BLANK)


def test_a_network_that_gives_no_numbers_spoils_its_own_pair_alone(weights):
    comparer, drafter = Comparer(weights), Drafter(weights)
    now, before = random_features(weights.network, 2, 1), random_features(weights.network, 2, 2)
    s_now, s_before = states(drafter, now), states(drafter, before)
    now.patches[0] = float("nan")
    found = comparer.compare(now, before, films(2), [True, True], s_now, s_before)
    assert [r.now.valid for r in found] == [False, True] and not found[0].before.valid
