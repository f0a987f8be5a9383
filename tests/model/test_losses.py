import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from cxrreport.model.config import POSITIVE
from cxrreport.model.losses import (
    Earlier,
    adjusted_cross_entropy,
    contrastive_loss,
    info_nce,
    jaccard,
    language_loss,
    presence_loss,
    updated_prior,
)


def _unit(rows, width, seed):
    return F.normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)), dim=-1)


def _states(rows, seed=0):
    return torch.randint(4, (rows, 14), generator=torch.Generator().manual_seed(seed))


def test_adjusted_cross_entropy_with_an_even_prior_is_plain():
    logits, states = torch.randn(6, 4, 14), _states(6)
    assert adjusted_cross_entropy(logits, states, torch.ones(14)) == F.cross_entropy(logits, states)


def test_a_rare_finding_must_be_called_louder():
    """With pi < 1 the loss of a positive is larger, that of any other state smaller; other findings do not change."""
    logits = torch.zeros(1, 4, 14)
    prior = torch.ones(14)
    prior[3] = 0.1
    for state, sign in ((POSITIVE, 1), (0, -1)):
        states = torch.full((1, 14), state)
        change = adjusted_cross_entropy(logits, states, prior) - adjusted_cross_entropy(logits, states, torch.ones(14))
        assert torch.sign(change) == sign
    expected = (13 * math.log(4) - math.log(0.1 / 3.1)) / 14
    assert adjusted_cross_entropy(logits, torch.full((1, 14), POSITIVE), prior).item() == pytest.approx(expected)


def test_language_loss_predicts_the_next_token():
    logits = torch.full((1, 4, 5), -30.0)
    labels = torch.tensor([[-100, 2, 3, -100]])
    logits[0, 0, 2] = logits[0, 1, 3] = 30.0
    assert language_loss(logits, labels) < 1e-6
    assert language_loss(logits.roll(1, dims=1), labels) > 10


def test_prior_is_the_mean_probability_of_positives_over_the_largest():
    states = torch.zeros(4, 14, dtype=torch.long)
    states[:2, 0] = POSITIVE
    states[1:, 1] = POSITIVE
    probability = torch.full((4, 14), 0.9)
    probability[:2, 0], probability[1:, 1] = torch.tensor([0.2, 0.4]), 0.6
    found = updated_prior(torch.full((14,), 0.25), probability, states)
    assert found[:2].tolist() == pytest.approx([0.5, 1.0])
    assert found[2:].tolist() == [0.25] * 12  # absent from the validation studies: keeps its value


@given(st.integers(1, 12), st.integers(0, 10_000), st.floats(0, 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_prior_stays_within_bounds(rows, seed, share, zero):
    generator = torch.Generator().manual_seed(seed)
    states = torch.where(torch.rand(rows, 14, generator=generator) < share, POSITIVE, 2)
    probability = torch.rand(rows, 14, generator=generator) * (0 if zero else 1)
    found = updated_prior(torch.rand(14, generator=generator), probability, states)
    assert found.isfinite().all() and found.min() >= 0.01 and found.max() <= 1


@given(st.integers(1, 9), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_jaccard_is_a_similarity(rows, seed):
    sets = torch.rand(rows, 14, generator=torch.Generator().manual_seed(seed)) < 0.2
    found = jaccard(sets)
    assert torch.equal(found, found.T) and (found.diagonal() == 1).all()
    assert found.min() >= 0 and found.max() <= 1
    for i in range(rows):
        for j in range(rows):
            both, either = int((sets[i] & sets[j]).sum()), int((sets[i] | sets[j]).sum())
            assert found[i, j].item() == pytest.approx(both / either if either else 1)


def test_info_nce_is_lower_for_matching_pairs():
    image = _unit(6, 16, 0)
    scale = torch.tensor(math.log(1 / 0.07))
    assert info_nce(image, image, scale) < 0.1
    assert info_nce(image, image.roll(1, 0), scale) > 5


def test_info_nce_spares_equal_texts():
    image, scale = _unit(4, 16, 0), torch.tensor(math.log(1 / 0.07))
    text = image.clone()
    text[1] = text[0]
    image = text.clone()  # studies 0 and 1: same report, same image
    same = (text @ text.T) > 0.999
    assert info_nce(image, text, scale, same) < info_nce(image, text, scale)


def _sets(*indices):
    sets = torch.zeros(len(indices), 14, dtype=torch.bool)
    for row, found in enumerate(indices):
        sets[row, list(found)] = True
    return sets


def _literal(a, n, t, sets, earlier):
    """The definition of docs/model.md, Losses, pair by pair."""
    others = [(a[j], t[j], sets[j], j) for j in range(len(a))]
    others += [
        (earlier.anchors[k], earlier.reports[k], earlier.positives[k], None) for k in range(len(earlier.anchors))
    ]
    total = 0.0
    for i in range(len(a)):
        positives, negatives = [(t[i], 1.0)], list(n)
        for anchor, report, labels, j in others:
            if j == i:
                continue
            either = (sets[i] | labels).sum()
            index = float((sets[i] & labels).sum() / either) if either else 1.0
            if index >= 0.5:
                positives.append((anchor, index))
            if index == 0:
                negatives += [anchor, report]
        bottom = sum(math.exp(float(a[i] @ x) / 0.07) for x in negatives)
        gains = [w * math.log((top := math.exp(float(a[i] @ p) / 0.07)) / (top + bottom)) for p, w in positives]
        total -= sum(gains) / sum(w for _, w in positives)
    return total / len(a)


@pytest.mark.parametrize("queued", [0, 3])
def test_contrastive_loss_is_the_definition(queued):
    a, n, t = (_unit(3, 8, seed) for seed in range(3))
    sets = _sets((0, 1), (1, 2, 3), (5,))
    earlier = Earlier(_unit(3, 8, 7)[:queued], _unit(3, 8, 8)[:queued], _sets((0, 1, 2), (9,), (5,))[:queued])
    found = contrastive_loss(a, n, t, sets, earlier)
    assert found.item() == pytest.approx(_literal(a, n, t, sets, earlier), rel=1e-4)
    assert (found == contrastive_loss(a, n, t, sets)) == (queued == 0)


@given(st.integers(1, 6), st.integers(0, 9), st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_contrastive_loss_with_a_queue_is_never_negative(rows, queued, seed, share):
    a, n, t = (_unit(rows, 8, seed + i) for i in range(3))
    generator = torch.Generator().manual_seed(seed)
    positives, past = (torch.rand(k, 14, generator=generator) < share for k in (rows, queued))
    found = contrastive_loss(a, n, t, positives, Earlier(_unit(queued, 8, seed + 3), _unit(queued, 8, seed + 4), past))
    assert found.isfinite() and found >= 0


def test_presence_is_the_cross_entropy_of_positive_against_the_rest():
    logits, prior = torch.randn(5, 4, 14), torch.full((14,), 0.5)
    positive, known = torch.rand(5, 14) > 0.5, torch.rand(5, 14) > 0.3
    shifted = logits.clone()
    shifted[:, POSITIVE] += math.log(0.5)
    p = shifted.softmax(1)[:, POSITIVE]
    expected = -torch.where(positive, p, 1 - p).log()[known].mean()
    assert presence_loss(logits, positive, known, prior) == pytest.approx(expected.item(), rel=1e-5)
    assert presence_loss(logits, positive, torch.zeros_like(known), prior) == 0
