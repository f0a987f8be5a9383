"""REVTAF's learnable retrieval enhancer: state logits embedded in a Poincaré ball.

Studies whose findings agree come to lie near each other, so that the nearest report is one with the same findings. The
point of a study depends on its images alone: the logits are those without any retrieved report, else the query would hang
on what it is to find. All is float32, also under autocast; Gram matrices and search coordinates are summed in float64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.findings import FINDINGS
from cxrreport.model.config import STATES
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import ImageFeatures

CURVATURE = 0.01  # c; the ball has radius 1 / sqrt(c) = 10
LOGITS = len(STATES) * len(FINDINGS)
_ROOT = CURVATURE**0.5
_EDGE = 1 - 1e-3
_TINY = 1e-7


def image_logits(network: DiffRGenNet, features: ImageFeatures) -> Tensor:
    """State logits (B, 4, 14) of the images alone, as the network gives them with no retrieved report."""
    pooled = features.pooled
    reports = torch.zeros(len(pooled), 1, network.config.d_retrieval, device=pooled.device)
    none = torch.zeros(len(pooled), 1, dtype=torch.bool, device=pooled.device)
    return network.classify(features, network.relate(features, reports, none))


# -- the ball ----------------------------------------------------------------------------------------------------------


def project(x: Tensor) -> Tensor:
    """Pull points (..., d) back inside the ball, to a norm of at most (1 - 1e-3) / sqrt(c)."""
    largest = _EDGE / _ROOT
    norm = x.norm(dim=-1, keepdim=True).clamp(min=_TINY)
    return torch.where(norm > largest, x / norm * largest, x)


def exp0(v: Tensor) -> Tensor:
    """Tangent vectors at the origin (..., d) -> points of the ball."""
    norm = v.norm(dim=-1, keepdim=True).clamp(min=_TINY) * _ROOT
    return project(torch.tanh(norm) * v / norm)


def log0(x: Tensor) -> Tensor:
    """Points of the ball (..., d) -> tangent vectors at the origin; the inverse of `exp0`."""
    norm = x.norm(dim=-1, keepdim=True).clamp(min=_TINY) * _ROOT
    tangent: Tensor = torch.atanh(norm.clamp(max=_EDGE)) * x / norm
    return tangent


def add(x: Tensor, y: Tensor) -> Tensor:
    """Möbius addition of points (..., d): x moved by y."""
    c = CURVATURE
    inner = (x * y).sum(-1, keepdim=True)
    xx, yy = (x * x).sum(-1, keepdim=True), (y * y).sum(-1, keepdim=True)
    top = (1 + 2 * c * inner + c * yy) * x + (1 - c * xx) * y
    return project(top / (1 + 2 * c * inner + c * c * xx * yy).clamp(min=_TINY))


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Geodesic distances of points x (n, d) and y (m, d) as (n, m), in closed form from one Gram matrix (REVTAF Eq. 3).

    Summed in float64: near the edge float32 would take points for 3 apart that are the same.
    """
    c = CURVATURE
    with torch.autocast(x.device.type, enabled=False):
        a, b = x.double(), y.double()
        aa, bb = (a * a).sum(-1), (b * b).sum(-1)
        squared = (aa[:, None] + bb[None, :] - 2 * a @ b.T).clamp(min=0)
        ratio = 2 * c * squared / ((1 - c * aa)[:, None] * (1 - c * bb)[None, :])
        found: Tensor = torch.acosh(1 + ratio.clamp(min=1e-12)) / _ROOT  # the slope of arcosh is infinite at 1
        return found.float()


# -- search by inner product -------------------------------------------------------------------------------------------


def hyperbolic_keys(points: Tensor) -> Tensor:
    """Points of the ball (B, d) -> Lorentz coordinates (x0, xs), (B, d + 1), for an index of inner products.

    x0 = (1 + c|x|²) / (1 - c|x|²) and xs = 2 sqrt(c) x / (1 - c|x|²) give cosh(sqrt(c) d(x, y)) = x0 y0 - xs·ys, so
    the key with the greatest inner product with a query is the nearest point.

    Worked out in float64, stored in float32. What that costs grows with x0 y0: a point finds itself at a distance of up
    to .05 instead of 0 where its norm is .9 of the radius, .5 at .99 and 4 at .999; of points 1 apart the distance is
    wrong by .001, .1 and 3 there, when summed in float64. So near the edge close neighbours may change places.
    """
    x = points.double()
    gap = 1 - CURVATURE * (x * x).sum(-1, keepdim=True)
    return torch.cat([(2 - gap) / gap, 2 * _ROOT * x / gap], dim=-1).float()


def hyperbolic_queries(points: Tensor) -> Tensor:
    """As `hyperbolic_keys`, but (-x0, xs): its inner product with a key is -cosh(sqrt(c) distance), -1 or less."""
    found = hyperbolic_keys(points)
    found[..., 0] *= -1
    return found


def distance_of(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Inner products of queries and keys -> distances; -inf (no report) -> inf."""
    cosh = np.maximum(1.0, -scores.astype(np.float64))
    found: npt.NDArray[np.float32] = (np.arccosh(cosh) / _ROOT).astype(np.float32)
    return found


# -- learning ----------------------------------------------------------------------------------------------------------


class HyperbolicLinear(nn.Module):
    """Möbius matrix-vector product and Möbius bias."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width_out, width_in))
        self.bias = nn.Parameter(torch.zeros(width_out))  # a tangent vector at the origin
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width_in) -> (..., width_out), both in the ball."""
        with torch.autocast(x.device.type, enabled=False):
            return add(exp0(F.linear(log0(x), self.weight)), exp0(self.bias))


class HyperbolicHead(nn.Module):
    """State logits (B, 4, 14) -> points of the ball (B, d).

    Each logit is first brought to mean 0 and deviation 1 (`fit`): raw ones differ in size between common and rare
    findings, and their norm alone would put every point at the edge, where nothing learns.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = HyperbolicLinear(LOGITS, width), HyperbolicLinear(width, width)
        self.register_buffer("centre", torch.zeros(LOGITS))
        self.register_buffer("scale", torch.ones(LOGITS))

    def fit(self, logits: Tensor) -> None:
        """Take mean and deviation of each logit from training studies (n, 4, 14)."""
        flat = logits.flatten(1).float()
        self.centre.copy_(flat.mean(0))
        self.scale.copy_(flat.std(0, unbiased=False).clamp(min=1e-3))

    def forward(self, logits: Tensor) -> Tensor:
        """Two hyperbolic layers, ReLU in the tangent space between them."""
        x = self.first(exp0((logits.flatten(1).float() - self.centre) / self.scale))  # (B, 56) -> (B, d)
        points: Tensor = self.second(exp0(log0(x).relu()))
        return points


def ranking_loss(points: Tensor, states: Tensor) -> Tensor:
    """Cross-entropy of softmax(-distance) against softmax(-number of differing states), without the diagonal.

    points (B, d), states (B, 14) indices, B of 2 or more. REVTAF Eq. 7 takes an argmin, but ties are the rule.
    """
    differing = (states[:, None, :] != states[None, :, :]).sum(-1).float()  # (B, B), half the Hamming distance
    own = torch.eye(len(states), dtype=torch.bool, device=points.device)
    target = (-differing).masked_fill(own, -1e9).softmax(-1)
    logits = (-distances(points, points)).masked_fill(own, -1e9).log_softmax(-1)
    return -(target * logits).sum(-1).mean()
