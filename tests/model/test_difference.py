import numpy as np
import pytest
import torch

from cxrreport.model.config import tiny
from cxrreport.model.difference import FeatureDifference, LiteralDifference, distances


def _inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 5, 32, generator=generator) * 2, torch.randn(3, 32, generator=generator)


def _module(kind=FeatureDifference, **options):
    torch.manual_seed(0)
    return kind(tiny(50), **options)


def test_three_metrics_against_numpy():
    e, f = _inputs()
    found = distances(e, f).numpy()
    for b in range(3):
        for n in range(5):
            x, y = e[b, n].numpy(), f[b].numpy()
            expected = [
                np.linalg.norm(x - y) / np.sqrt(32),
                x @ y / np.linalg.norm(x) / np.linalg.norm(y),
                x @ y / np.sqrt(32),
            ]
            assert found[b, n] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_starts_without_content_and_keeps_to_the_metrics():
    e, f = _inputs()
    mask = torch.ones(3, 5, dtype=torch.bool)
    literal, ours = _module(LiteralDifference).eval(), _module().eval()
    assert torch.equal(literal(e, f, mask), ours(e, f, mask))
    with torch.no_grad():
        ours.content.weight.copy_(torch.eye(32))
    assert torch.allclose(ours(e, f, mask) - literal(e, f, mask), e - f.unsqueeze(1), atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_padding_has_no_influence(training):
    e, f = _inputs()
    mask = torch.ones(3, 5, dtype=torch.bool)
    mask[0, 2:], mask[1, 4:] = False, False
    found = []
    for filler in (0.0, 50.0):
        module = _module().train(training)
        padded = torch.where(mask.unsqueeze(-1), e, torch.full_like(e, filler))
        found.append((module(padded, f, mask), module.norm.running_mean.clone()))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert (found[0][0][~mask] == 0).all()


def test_no_report_at_all_is_finite():
    e, f = _inputs()
    assert (_module().train()(e, f, torch.zeros(3, 5, dtype=torch.bool)) == 0).all()


def test_metrics_can_be_chosen():
    e, f = _inputs()
    module = _module(LiteralDifference, metrics=("dot",)).eval()
    assert module.chosen == [2] and module.norm.num_features == 1
    assert module(e, f, torch.ones(3, 5, dtype=torch.bool)).shape == (3, 5, 32)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_training_goes_on_with_any_number_of_reports(count):
    """A batch whose samples show one report in all has no statistics of its own."""
    module = _module().train()
    before = module.norm.running_mean.clone()
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, :count] = True
    out = module(torch.randn(2, 5, 32), torch.randn(2, 32), mask)
    assert out.isfinite().all() and (out[~mask] == 0).all()
    assert torch.equal(module.norm.running_mean, before) == (count < 2)
