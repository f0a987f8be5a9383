"""Where on the frontal film the network sees a finding: HiResCAM (Draelos and Carin, 2020) of the maps before its last one
(docs/model.md, Findings). The last one is coarse, and each of its cells has seen most of the film: it has lost the place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from cxrreport.findings import FINDINGS
from cxrreport.model.config import GRID, POSITIVE, STATES
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import ImageEncoder, ImageFeatures, normalise

EVIDENCE_GRID = 2 * GRID  # side of the maps
_TINY = torch.finfo(torch.float32).tiny  # instead of 0 below a fraction
_BLUR = 0.7  # cells: strided convolutions leave a lattice in gradients


def evidence_maps(
    network: DiffRGenNet, frontal: npt.NDArray[np.uint8], findings: Sequence[int]
) -> npt.NDArray[np.float32]:
    """How much each place speaks for the findings that are asked for: (14, 2g, 2g), in shares of the place that does most.

    Zeros for the others, and where no place speaks for one. All together cost a pass through the encoder, each of them one
    or two back through its later half. The gradients are those of activations; no weight gets one.

    frontal : one preprocessed film (256, 256): of a batch the activations would take memory.
    findings : indices in `FINDINGS`.
    """
    maps = np.zeros((len(FINDINGS), EVIDENCE_GRID, EVIDENCE_GRID), np.float32)
    if not findings:
        return maps
    with torch.inference_mode(False), torch.enable_grad():
        earlier, last = _look(network.encoder, frontal)
        logits = _read(network, last)
        for finding in findings:
            maps[finding] = _share([_speaking(earlier, last, logit[finding]) for logit in logits])
    return maps


def _look(encoder: ImageEncoder, frontal: npt.NDArray[np.uint8]) -> tuple[list[Tensor], Tensor]:
    """The encoder's maps of sides 2g and g before its last one, (1, c, s, s) each, and that one (1, C, g, g)."""
    device = next(encoder.parameters()).device
    pixels = normalise(torch.from_numpy(frontal)[None].to(device), encoder.size).requires_grad_()
    seen = encoder.backbone(pixels, output_hidden_states=True)
    earlier = [states for states in seen.hidden_states[:-1] if states.shape[-1] in (EVIDENCE_GRID, GRID)]
    return earlier, seen.last_hidden_state


def _read(network: DiffRGenNet, last: Tensor) -> list[Tensor]:
    """The logits (14,) of a film alone: the classifier's and, where there is one, the head's."""
    patches = last.flatten(2).transpose(1, 2)  # (1, g*g, C)
    features = ImageFeatures(patches, patches.new_ones(patches.shape[:2], dtype=torch.bool), patches.mean(1))
    found = [features.pooled[0] @ _for_positive(network).T]
    return found if network.evidence is None else [*found, network.evidence(features)[0]]


def _for_positive(network: DiffRGenNet) -> Tensor:
    """Weights (14, C) with which the classifier reads v for "positive" against the mean of the other three states."""
    weight = network.classifier.linear.weight[:, : network.config.encoder_width]  # the rest reads s
    by_state = weight.view(len(STATES), len(FINDINGS), -1)  # (4, 14, C)
    others = (by_state.sum(0) - by_state[POSITIVE]) / (len(STATES) - 1)
    found: Tensor = by_state[POSITIVE] - others
    return found


def _speaking(earlier: Sequence[Tensor], last: Tensor, logit: Tensor) -> Tensor:
    """What each place adds to a logit by each of the maps: (2g, 2g), the sum of their shares; less than nothing is nothing."""
    onto_last = torch.autograd.grad(logit, last, retain_graph=True)[0]
    # contiguous: of one film, torch 2.13 takes a strided gradient through a batch norm wrongly, without a word
    gradients = torch.autograd.grad(last, earlier, onto_last.contiguous(), retain_graph=True)
    shares = []
    for states, gradient in zip(earlier, gradients, strict=True):
        added = (states * gradient).detach().sum(1, keepdim=True).float().clamp(min=0)  # (1, 1, s, s)
        added = F.interpolate(added, size=(EVIDENCE_GRID, EVIDENCE_GRID), mode="bilinear", align_corners=False)
        shares.append(added / added.sum().clamp(min=_TINY))
    return torch.stack(shares).sum((0, 1, 2))


def _share(speaking: Sequence[Tensor]) -> npt.NDArray[np.float32]:
    """All together, blurred, as shares of the greatest."""
    blurred = ndimage.gaussian_filter(torch.stack(list(speaking)).sum(0).cpu().numpy(), _BLUR, mode="nearest")
    return np.asarray(blurred / max(float(blurred.max()), _TINY), np.float32)
