import pytest
import torch
from torch import nn

from cxrreport.model.config import tiny
from cxrreport.model.routing import RoutedAttention, Router, build_windows, gumbel_temperature, own_place, peak
from cxrreport.model.variants import HardRouter, TRARAttention, cyclic

GRID, CELLS, PATCHES = 7, 49, 98


def test_windows_are_chebyshev_and_never_cross_views():
    windows = build_windows(GRID, 4)
    assert windows[0].all()
    for order in (1, 2, 3):
        for i in range(PATCHES):
            for j in range(0, PATCHES, 5):
                view_i, view_j = i // CELLS, j // CELLS
                (r, c), (y, x) = divmod(i % CELLS, GRID), divmod(j % CELLS, GRID)
                near = max(abs(r - y), abs(c - x)) <= order
                assert bool(windows[order, i, j]) == (near and view_i == view_j)


class _Only(nn.Module):
    """A router that always picks one window."""

    def __init__(self, order):
        super().__init__()
        self.order = order

    def forward(self, f, f_mask, temperature):
        return nn.functional.one_hot(torch.full((len(f),), self.order), 4).float()


def _attention(order, anchor):
    torch.manual_seed(order)
    attention = RoutedAttention(tiny(50), 4, anchor).eval()
    attention.router = _Only(order)
    return attention


@pytest.mark.parametrize("anchor", [peak, cyclic, own_place])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_attention_outside_the_window_is_exactly_zero(order, anchor):
    attention = _attention(order, anchor)
    z, f = torch.randn(3, 60, 32) * 3, torch.randn(3, PATCHES, 32)
    f_mask = torch.ones(3, PATCHES, dtype=torch.bool)
    z_mask = torch.ones(3, 60, dtype=torch.bool)
    with torch.no_grad():
        found = attention(z, z_mask, f, f_mask, torch.tensor(1.0)).attention_map
        attention.router = _Only(0)
        globally = attention(z, z_mask, f, f_mask, torch.tensor(1.0)).attention_map
    # with both films there the cycle is one of 98 patches
    anchors = globally.argmax(-1) if anchor is peak else torch.arange(60).expand(3, 60)
    allowed = attention.windows[order][anchors]
    assert (found[~allowed] == 0).all()
    assert (found[allowed] > 0).all()
    assert torch.allclose(found.sum(-1), torch.ones(3, 60), atol=1e-5)


@pytest.mark.parametrize("anchor", [peak, cyclic])
@pytest.mark.parametrize("first", [0, CELLS], ids=["frontal alone", "lateral alone"])
@pytest.mark.parametrize("order", [1, 2, 3])
@torch.no_grad()
def test_windows_lie_on_the_film_that_is_there(order, first, anchor):
    attention = _attention(order, anchor)
    there = torch.arange(PATCHES) // CELLS == first // CELLS
    f, f_mask = torch.randn(2, PATCHES, 32), there.expand(2, PATCHES)
    z, z_mask = torch.randn(2, PATCHES, 32) * 3, torch.ones(2, PATCHES, dtype=torch.bool)
    found = attention(z, z_mask, f, f_mask, torch.tensor(1.0)).attention_map
    attention.router = _Only(0)
    peaks = attention(z, z_mask, f, f_mask, torch.tensor(1.0)).attention_map.argmax(-1)
    cycle = (first + torch.arange(PATCHES) % CELLS).expand(2, PATCHES)  # all queries, twice through the film
    anchors = peaks if anchor is peak else cycle
    allowed = attention.windows[order][anchors]
    assert there[anchors].all() and (found[~allowed] == 0).all() and (found[allowed] > 0).all()
    assert (found[..., ~there] == 0).all() and torch.allclose(found.sum(-1), torch.ones(2, PATCHES), atol=1e-5)


@pytest.mark.parametrize("anchor", [peak, cyclic, own_place])
@pytest.mark.parametrize("training", [False, True])
def test_a_study_without_any_film_is_finite(training, anchor):
    attention = _attention(2, anchor).train(training)
    f_mask = torch.ones(2, PATCHES, dtype=torch.bool)
    f_mask[1] = False
    z = torch.randn(2, 5, 32, requires_grad=True)
    found = attention(z, torch.ones(2, 5, dtype=torch.bool), torch.randn(2, PATCHES, 32), f_mask, torch.tensor(1.0))
    found.tokens.sum().backward()
    assert found.tokens.isfinite().all() and found.attention_map.isfinite().all() and z.grad.isfinite().all()


def test_router_sums_to_one_and_is_silent_in_evaluation():
    torch.manual_seed(0)
    router = Router(32, 4)
    f, f_mask = torch.randn(3, PATCHES, 32), torch.ones(3, PATCHES, dtype=torch.bool)
    noisy = [router(f, f_mask, torch.tensor(1.0)) for _ in range(2)]
    assert not torch.equal(*noisy)
    router.eval()
    still = [router(f, f_mask, torch.tensor(t)) for t in (1.0, 10.0)]
    assert torch.equal(*still)
    for alpha in (*noisy, *still):
        assert torch.allclose(alpha.sum(-1), torch.ones(3), atol=1e-5)


def test_hot_router_is_flatter_than_a_cold_one():
    torch.manual_seed(0)
    router = Router(32, 4)
    f, f_mask = torch.randn(400, 4, 32), torch.ones(400, 4, dtype=torch.bool)
    largest = [router(f, f_mask, torch.tensor(t)).max(-1).values.mean() for t in (10.0, 1.0, 0.1)]
    assert largest[0] < 0.4 < largest[1] < largest[2]
    assert largest[2] > 0.9


def test_temperature_falls_from_ten_to_one_to_a_tenth():
    assert [gumbel_temperature(p) for p in (0, 0.3, 1)] == pytest.approx([10, 1, 0.1])
    steps = [gumbel_temperature(i / 100) for i in range(101)]
    assert steps == sorted(steps, reverse=True)


def test_binarized_router_takes_its_likeliest_window_but_learns_softly():
    torch.manual_seed(0)
    plain, hard = Router(32, 4), HardRouter(32, 4)
    hard.load_state_dict(plain.state_dict())
    f, f_mask = torch.randn(6, PATCHES, 32), torch.ones(6, PATCHES, dtype=torch.bool)
    soft = plain.eval()(f, f_mask, torch.tensor(1.0))
    found = hard.eval()(f, f_mask, torch.tensor(1.0))
    assert torch.equal(found.argmax(-1), soft.argmax(-1)) and set(found.flatten().tolist()) == {0, 1}
    assert 0 < hard.train()(f, f_mask, torch.tensor(5.0)).max() < 1


def test_trar_routes_the_patches_and_looks_from_the_reports_plainly():
    torch.manual_seed(0)
    config = tiny(50)
    trar = TRARAttention(config).eval()
    z, f = torch.randn(2, 5, 32), torch.randn(2, PATCHES, 32)
    z_mask, f_mask = torch.ones(2, 5, dtype=torch.bool), torch.ones(2, PATCHES, dtype=torch.bool)
    soft = trar(z, z_mask, f, f_mask, torch.tensor(1.0))
    assert trar.grid.anchors is own_place and soft.alpha.shape == (2, 4)
    assert (soft.attention_map > 0).all()  # no window between reports and patches
    trar.grid.router = _Only(1)
    narrow = trar(z, z_mask, f, f_mask, torch.tensor(1.0))
    far = f.clone()
    far[:, CELLS - 1] += 5  # the last corner of the frontal film
    moved = (trar(z, z_mask, far, f_mask, torch.tensor(1.0)).patches - narrow.patches).abs().amax((0, 2)) > 1e-6
    assert moved.nonzero().flatten().tolist() == [40, 41, 47, 48]  # its 3 x 3 neighbourhood alone
