import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.model.revtaf.hyperbolic import (
    CURVATURE,
    HyperbolicHead,
    HyperbolicLinear,
    add,
    distance_of,
    distances,
    exp0,
    hyperbolic_keys,
    hyperbolic_queries,
    image_logits,
    log0,
    project,
    ranking_loss,
)

RADIUS = 1 / math.sqrt(CURVATURE)


def _points(count, width=6, seed=0, low=0.0, high=0.999):
    """Directions at random, norms evenly from `low` to `high` of the radius."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(count, width))
    norms = rng.uniform(low, high, (count, 1)) * RADIUS
    return torch.from_numpy(directions / np.linalg.norm(directions, axis=1, keepdims=True) * norms).float()


def _by_hand(x, y):
    """The closed form of REVTAF's distance in plain float64."""
    x, y = x.double().numpy(), y.double().numpy()
    squared = ((x[:, None] - y[None]) ** 2).sum(-1)
    gaps = (1 - CURVATURE * (x**2).sum(-1))[:, None] * (1 - CURVATURE * (y**2).sum(-1))[None]
    return np.arccosh(1 + 2 * CURVATURE * squared / gaps) * RADIUS


# -- the ball ----------------------------------------------------------------------------------------------------------


def test_projection_touches_only_what_lies_too_far_out():
    inside, outside = _points(5), _points(5) * 50
    assert torch.equal(project(inside), inside)
    assert project(outside).norm(dim=-1).tolist() == pytest.approx([0.999 * RADIUS] * 5, rel=1e-5)
    assert torch.nn.functional.cosine_similarity(project(outside), outside).tolist() == pytest.approx([1] * 5)


@given(st.integers(0, 1000), st.floats(0, 35))
@settings(max_examples=30, deadline=None)
def test_log_undoes_exp(seed, size):
    tangent = torch.nn.functional.normalize(_points(4, seed=seed), dim=-1) * size
    assert torch.allclose(log0(exp0(tangent)), tangent, atol=size * 1e-3 + 1e-6)


def test_the_origin_is_finite_with_finite_gradients():
    zero = torch.zeros(2, 6, requires_grad=True)
    found = add(exp0(log0(exp0(zero))), exp0(zero))
    assert (found == 0).all()
    distances(found, _points(2)).sum().backward()
    assert zero.grad.isfinite().all()


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_moebius_addition(seed):
    """Identity, inverse, and the paper's distance 2/sqrt(c) artanh(sqrt(c) |(-x) + y|)."""
    x, y = _points(4, seed=seed, high=0.9), _points(4, seed=seed + 1, high=0.9)
    assert torch.allclose(add(torch.zeros_like(x), x), x) and torch.allclose(add(x, torch.zeros_like(x)), x)
    assert add(-x, x).norm(dim=-1).max() < 1e-3
    moved = add(-x, y).double().norm(dim=-1) / RADIUS
    assert np.allclose(2 * RADIUS * np.arctanh(moved.numpy()), np.diag(_by_hand(x, y)), rtol=1e-3, atol=1e-3)


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_distances_are_the_closed_form_and_a_metric(seed):
    x, y = _points(5, seed=seed), _points(7, seed=seed + 1)
    found = distances(x, y).numpy()
    assert found.dtype == np.float32 and np.allclose(found, _by_hand(x, y), rtol=1e-5, atol=1e-4)
    own = distances(x, x).numpy()
    assert np.allclose(own, own.T) and np.diag(own).max() < 1e-3
    assert (own[:, None, :] <= own[:, :, None] + own[None, :, :] + 1e-3).all()


# -- search ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.sampled_from([(0.0, 0.9), (0.9, 0.99), (0.99, 0.999)]))
@settings(max_examples=40, deadline=None)
def test_inner_products_rank_as_distances(seed, norms):
    """Points well inside and near the edge; only pairs that float32 cannot hold apart may change places."""
    low, high = norms
    x, y = _points(3, seed=seed, low=low, high=high), _points(40, seed=seed + 1, low=low, high=high)
    queries, keys = hyperbolic_queries(x), hyperbolic_keys(y)
    assert queries.shape == (3, 7) and keys.shape == (40, 7) and keys.dtype == torch.float32
    scores = (queries.double() @ keys.double().T).numpy()
    true = _by_hand(x, y)
    assert np.allclose(-scores, np.cosh(true / RADIUS), rtol=1e-6, atol=4e-7 * float(keys[:, 0].max()) ** 2)
    ranked = np.take_along_axis(true, np.argsort(-scores, kind="stable"), axis=1)
    assert (np.diff(ranked) > -1e-3).all()
    assert np.allclose(distance_of(scores.astype(np.float32)), true, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(("share", "itself", "neighbour"), [(0.9, 0.05, 0.002), (0.99, 0.5, 0.15), (0.999, 4.5, 4)])
def test_what_float32_coordinates_cost(share, itself, neighbour):
    """The figures of `hyperbolic_keys`: distances of points to themselves, and to points about 1 away."""
    points = _points(200, 256, low=share, high=share)
    near = points + torch.randn(points.shape, generator=torch.Generator().manual_seed(0)) * (1 - share**2) * 0.03
    for others, worst in ((points, itself), (near, neighbour)):
        scores = (hyperbolic_queries(others).double() * hyperbolic_keys(points).double()).sum(-1)
        errors = np.abs(distance_of(scores.numpy()) - np.diag(_by_hand(others, points)))
        assert worst / 20 < errors.max() < worst


def test_a_score_of_no_report_is_infinitely_far():
    found = distance_of(np.array([-np.inf, -1, -0.9999, -np.cosh(0.5)], np.float32))
    assert found.dtype == np.float32 and found.tolist() == pytest.approx([math.inf, 0, 0, 5], rel=1e-5)


# -- the head ----------------------------------------------------------------------------------------------------------


def _logits(count, seed=0, size=4.0):
    return torch.randn(count, 4, 14, generator=torch.Generator().manual_seed(seed)) * size


@pytest.fixture()
def head():
    torch.manual_seed(0)
    head = HyperbolicHead(16)
    head.fit(_logits(200) + 3)
    return head


def test_fit_brings_logits_to_mean_0_and_deviation_1(head):
    flat = (_logits(200) + 3).flatten(1)
    scaled = (flat - head.centre) / head.scale
    assert torch.allclose(scaled.mean(0), torch.zeros(56), atol=1e-5)
    assert torch.allclose(scaled.std(0, unbiased=False), torch.ones(56), atol=1e-5)
    head.fit(torch.full((3, 4, 14), 7.0))  # a logit that never varies
    assert head(torch.full((1, 4, 14), 7.0)).isfinite().all()


@pytest.mark.parametrize("width", [16, 256, 512])
def test_a_new_head_spreads_its_points_and_every_weight_learns(width):
    """Neither all at the origin nor at the edge, where the projection stops the gradient."""
    torch.manual_seed(0)
    head, logits = HyperbolicHead(width), _logits(64) + 3
    head.fit(logits)
    points = head(logits)
    norms = points.norm(dim=-1) / RADIUS
    assert norms.min() > 0.1 and norms.max() < 0.95
    apart = distances(points, points)[~torch.eye(64, dtype=torch.bool)]
    assert apart.min() > 0.5
    ranking_loss(points, torch.randint(4, (64, 14))).backward()
    for name, parameter in head.named_parameters():
        assert (parameter.grad.abs() > 0).float().mean() > 0.9, name


def test_any_logits_stay_in_the_ball(head):
    for logits in (_logits(8, size=1e4), torch.zeros(2, 4, 14), _logits(8, size=1e-6)):
        points = head(logits)
        assert points.isfinite().all() and (points.norm(dim=-1) < RADIUS).all()
        assert hyperbolic_keys(points).isfinite().all()


def test_logits_that_are_no_numbers_are_not_hidden(head):
    logits = _logits(2)
    logits[0, 0, 0] = math.nan
    assert head(logits)[0].isnan().any() and head(logits)[1].isfinite().all()


def test_autocast_changes_nothing(head):
    logits, x = _logits(8), _points(8, 16)
    states = torch.randint(4, (8, 14), generator=torch.Generator().manual_seed(0))
    layer = HyperbolicLinear(16, 16)
    plain = head(logits), layer(x), distances(x, x), ranking_loss(x, states)
    with torch.autocast("cpu", torch.bfloat16):
        cast = head(logits), layer(x), distances(x, x), ranking_loss(x, states)
    for one, other in zip(plain, cast):
        assert one.dtype == other.dtype == torch.float32 and torch.equal(one, other)


def test_image_logits_hang_on_the_images_alone(network, features, reports, mask):
    with torch.no_grad():
        found = image_logits(network, features)
        none = network.classify(features, network.relate(features, reports, torch.zeros_like(mask)))
        some = network.classify(features, network.relate(features, reports, mask))
    assert found.shape == (4, 4, 14)
    assert torch.allclose(found, none, atol=1e-6) and not torch.allclose(found, some, atol=1e-6)


# -- the loss ----------------------------------------------------------------------------------------------------------


def _loss_by_hand(points, states):
    total = []
    far = _by_hand(points, points)
    for i in range(len(states)):
        others = [j for j in range(len(states)) if j != i]
        differing = np.array([int((states[i] != states[j]).sum()) for j in others])
        target = np.exp(-differing) / np.exp(-differing).sum()
        near = np.exp(-far[i, others])
        total.append(-(target * np.log(near / near.sum())).sum())
    return np.mean(total)


def test_loss_by_hand():
    points = _points(6, high=0.5)
    states = torch.randint(4, (6, 14), generator=torch.Generator().manual_seed(1))
    states[1] = states[0]
    assert ranking_loss(points, states).item() == pytest.approx(_loss_by_hand(points, states.numpy()), rel=1e-4)


def test_studies_of_equal_points_have_finite_gradients():
    points = _points(4).repeat(2, 1).requires_grad_()
    ranking_loss(points, torch.randint(4, (8, 14))).backward()
    assert points.grad.isfinite().all()
