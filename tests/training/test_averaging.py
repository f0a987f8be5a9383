import pytest
import torch
from torch import nn

from cxrreport.training.averaging import BestWeights, WeightAverage, decay_at


def test_the_memory_grows_to_its_bound():
    decays = [decay_at(step) for step in range(0, 20_000, 100)]
    assert decays[0] == 0.1 and decays == sorted(decays) and decays[-1] == 0.998


def test_the_average_is_that_of_the_formula():
    layer = nn.Linear(2, 1)
    average = WeightAverage(layer.parameters())
    expected = layer.weight.detach().clone()
    for step in range(5):
        with torch.no_grad():
            layer.weight += step
        average.update()
        expected = expected * decay_at(step) + layer.weight.detach() * (1 - decay_at(step))
    assert torch.allclose(average.mean[0], expected)


def test_the_live_weights_come_back_whatever_happens():
    layer = nn.Linear(3, 3)
    average = WeightAverage(layer.parameters())
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight += 1
    live = layer.weight.detach().clone()
    with pytest.raises(KeyError), average.applied():
        assert torch.equal(layer.weight, before)
        raise KeyError
    assert torch.equal(layer.weight, live) and torch.equal(average.mean[0], before)


def test_training_goes_on_with_the_same_parameters():
    """An optimizer made before still moves what the layer holds after the average was looked at."""
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    average = WeightAverage(layer.parameters())
    with average.applied():
        pass
    before = layer.weight.item()
    layer(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    assert layer.weight.item() == pytest.approx(before - 1)


def test_the_best_weights_stay_whatever_comes_after():
    layer = nn.Linear(2, 2)
    best = BestWeights(layer)
    for score, value in ((0.5, 1.0), (0.7, 2.0), (0.7, 3.0), (0.6, 4.0)):
        with torch.no_grad():
            layer.weight.fill_(value)
        best.offer(layer, score)
    assert (best.kept.weight == 3.0).all() and best.score == pytest.approx(0.7)  # of equals the later ones
