import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.model.config import tiny
from cxrreport.model.revtaf.sinkhorn import SinkhornAttention, Transport, sinkhorn

CELLS, PATCHES, PROMPTS = 49, 98, 6


def _present(found, of):
    mask = torch.zeros(len(found), of, dtype=torch.bool)
    for row, count in enumerate(found):
        mask[row, :count] = True
    return mask


def _cost(seed=0, batch=2, heads=3):
    return torch.rand(batch, heads, PATCHES, PROMPTS, generator=torch.Generator().manual_seed(seed)) * 2


def test_rows_are_even_columns_too_and_the_plan_is_not_flat():
    """The released code transports to one query a prompt, which forces T = 1/49 everywhere."""
    rows, columns = _present([CELLS, CELLS], PATCHES), _present([PROMPTS, 4], PROMPTS)
    plan = sinkhorn(_cost(), rows, columns)
    assert plan.dtype == torch.float32
    assert ((plan.sum(-1)[:, :, :CELLS] - 1 / CELLS).abs() < 1e-6).all()
    assert (plan[:, :, CELLS:] == 0).all()  # the view that is not there
    assert (plan[1, :, :, 4:] == 0).all()  # the padded prompts
    assert torch.allclose(plan[0].sum(-2), torch.tensor(1 / PROMPTS), rtol=0.02)
    assert torch.allclose(plan[1, :, :, :4].sum(-2), torch.tensor(1 / 4), rtol=0.02)
    real = plan[0, 0, :CELLS]
    assert real.max() > 100 * real.min()


@given(st.integers(0, 10_000), st.integers(1, PATCHES), st.integers(1, PROMPTS), st.floats(0.0, 2.0))
@settings(max_examples=20, deadline=None)
def test_plan_is_finite_and_sums_to_one(seed, patches, prompts, scale):
    plan = sinkhorn(_cost(seed, 1, 1) * scale, _present([patches], PATCHES), _present([prompts], PROMPTS))
    assert plan.isfinite().all() and plan.min() >= 0 and plan.sum().item() == pytest.approx(1, abs=1e-4)


def test_cheap_pairs_get_more():
    cost = torch.ones(1, 1, 4, 2)
    cost[0, 0, :2, 0] = cost[0, 0, 2:, 1] = 0.5
    plan = sinkhorn(cost, _present([4], 4), _present([2], 2))[0, 0]
    assert torch.allclose(plan[:2, 0], torch.tensor(0.25), atol=1e-4)
    assert torch.allclose(plan[2:, 1], torch.tensor(0.25), atol=1e-4)


def test_a_study_stops_by_itself():
    """A hard neighbour in the batch does not make an easy study iterate on."""
    easy, hard = _cost(4, 1, 1) * 0.02, _cost(5, 1, 1)
    rows, columns = _present([PATCHES] * 2, PATCHES), _present([PROMPTS] * 2, PROMPTS)
    both = sinkhorn(torch.cat([easy, hard]), rows, columns)
    assert torch.equal(both[:1], sinkhorn(easy, rows[:1], columns[:1]))
    assert torch.equal(both[1:], sinkhorn(hard, rows[1:], columns[1:]))


def test_gradient_is_that_of_the_plan():
    """Five tracked steps from the solution agree with finite differences of the whole iteration."""
    rows, columns = _present([5], 5), _present([3], 3)
    cost = torch.rand(1, 1, 5, 3, generator=torch.Generator().manual_seed(1)) * 0.1
    weight = torch.rand(1, 1, 5, 3, generator=torch.Generator().manual_seed(2))
    cost.requires_grad_()
    (sinkhorn(cost, rows, columns) * weight).sum().backward()
    step = 1e-3
    for i, j in ((0, 0), (2, 1), (4, 2)):
        moved = [cost.detach().clone() for _ in range(2)]
        moved[0][0, 0, i, j] += step
        moved[1][0, 0, i, j] -= step
        up, down = ((sinkhorn(c, rows, columns).double() * weight).sum() for c in moved)
        assert cost.grad[0, 0, i, j].item() == pytest.approx(((up - down) / (2 * step)).item(), rel=0.05, abs=2e-4)


def test_transport_is_in_single_precision_under_autocast():
    torch.manual_seed(0)
    transport = Transport(tiny(50))
    f, prompts = torch.randn(2, PATCHES, 32), torch.randn(2, PROMPTS, 32)
    masks = _present([CELLS, PATCHES], PATCHES), _present([PROMPTS, 2], PROMPTS)
    plain, found = transport(f, masks[0], prompts, masks[1])
    with torch.autocast("cpu", torch.bfloat16):
        plan, _ = transport(f, masks[0], prompts, masks[1])
    assert plan.dtype == torch.float32 and torch.equal(plan, plain)
    assert found.shape == (2, PROMPTS, PATCHES)
    assert (found[0, :, CELLS:] == 0).all() and (found[1, 2:] == 0).all()


def test_map_is_highest_where_prompt_and_patch_agree():
    config = tiny(50)
    transport = Transport(config)
    with torch.no_grad():
        for linear in (transport.q, transport.k):
            linear.weight.copy_(torch.eye(32))
            linear.bias.zero_()
    prompts = torch.nn.functional.normalize(torch.randn(1, 2, 32, generator=torch.Generator().manual_seed(0)), dim=-1)
    f = prompts[:, [0] * 49 + [1] * 49]
    _, found = transport(f, _present([PATCHES], PATCHES), prompts, _present([2], 2))
    assert (found[0, 0, :49] > 1.5).all() and (found[0, 0, 49:] < 0.5).all()


def test_reports_read_shares_that_sum_to_one():
    """With constant patches and values every report reads the same: the shares of the plan's columns are normed."""
    torch.manual_seed(0)
    attention = SinkhornAttention(tiny(50)).eval()
    z, f = torch.randn(1, PROMPTS, 32), torch.randn(1, PATCHES, 32)
    z_mask, f_mask = _present([4], PROMPTS), _present([CELLS], PATCHES)
    with torch.no_grad():
        for linear in (attention.project, attention.feed_forward[-1]):
            linear.weight.zero_()
            linear.bias.zero_()
        for norm in attention.norms:
            norm.weight.zero_()
            norm.bias.fill_(0.5)
        look = attention(z, z_mask, f, f_mask, torch.tensor(1.0))
        expected = attention.out(attention.back(torch.full((1, 1, 32), 0.5)))
    assert look.alpha is None and (look.patches == 0.5).all()
    assert torch.allclose(look.tokens[:, :4], expected.expand(1, 4, 32), rtol=0.05, atol=5e-3)
