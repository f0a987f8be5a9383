import numpy as np
import pytest
import torch
from builders.network import random_films, random_samples

from cxrreport.training.labelled import KindHeads, mean_areas, stack_labels

CPU = torch.device("cpu")


def test_labels_of_both_kinds():
    studies = random_samples(2)
    labels = stack_labels([random_films(1, {3}, {3, 4})[0], *studies], CPU)
    assert labels.kind.tolist() == [0, 1, 1]
    assert labels.known[0].nonzero().flatten().tolist() == [3, 4] and labels.known[1:].all()
    assert labels.positive[0].nonzero().flatten().tolist() == [3]
    assert torch.equal(labels.positive[1], torch.from_numpy(studies[0].states == 1).float())


def test_what_is_unknown_does_not_count():
    logits = torch.randn(2, 14, generator=torch.Generator().manual_seed(0))
    told, more, other = (stack_labels(random_films(2, p, {3, 4}), CPU).loss(logits) for p in ({3}, {3, 5, 13}, {4}))
    assert told == more and told != other
    assert stack_labels(random_films(2, {3}, ()), CPU).loss(logits) == 0
    assert stack_labels(random_films(1, {3}, {3}), CPU).loss(torch.zeros(1, 14)) == pytest.approx(np.log(2))


def test_each_kind_has_a_head_of_its_own():
    heads = KindHeads(5)
    with torch.no_grad():
        heads.linear.bias.copy_(torch.arange(28.0))
        heads.linear.weight.zero_()
    found = heads(torch.zeros(3, 5), torch.tensor([1, 0, 1]))
    assert found.tolist() == [list(range(14, 28)), list(range(14)), list(range(14, 28))]


def _truth(samples):
    return torch.from_numpy(np.stack([s.positive for s in samples])).float()


def test_areas_are_of_findings_that_vary():
    samples = random_samples(12, seed=3)
    assert mean_areas((samples, _truth(samples))) == {"mean_auc": 1.0}
    assert mean_areas((samples, -_truth(samples))) == {"mean_auc": 0.0}
    assert mean_areas((random_samples(1) * 3, torch.zeros(3, 14))) == {}


def test_common_findings_have_eight_positives():
    samples = random_samples(30, seed=3)
    truth = _truth(samples)
    found = mean_areas((samples, torch.where(truth.sum(0) >= 8, truth, 1 - truth)))
    assert found["mean_auc_common"] == 1 and 0 < found["mean_auc"] < 1


def test_films_count_as_far_as_their_labels_tell():
    studies, told, silent = random_samples(12, seed=3), random_films(20, {3}, {3}), random_films(20, (), {3})
    logits = torch.randn(60, 14, generator=torch.Generator().manual_seed(0))
    logits[:20, 3] += 100
    films = [*told, *silent, *random_films(20, {3}, ())]  # what the last ones are is not known
    assert mean_areas((studies, _truth(studies)), (films, logits)) == {"mean_auc": 1.0, "mean_auc_films": 1.0}
