"""Where on the frontal image the network sees a finding: the head that learnt to tell, or in weights without one the class
activation map (Zhou et al., CVPR 2016), which is exact because the classifier is linear in v, the mean of the patches
(docs/model.md, Findings).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxrreport.findings import FINDINGS
from cxrreport.model.config import GRID, PATCHES, POSITIVE, STATES
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import ImageFeatures


@torch.inference_mode()
def evidence_maps(network: DiffRGenNet, features: ImageFeatures) -> npt.NDArray[np.float32]:
    """How much each patch speaks for each finding: (B, 14, g, g), in shares of the patch that does most."""
    patches = features.patches[:, :PATCHES]
    share = _activation(network, patches) if network.evidence is None else network.evidence.shares(patches)
    found: npt.NDArray[np.float32] = share.unflatten(-1, (GRID, GRID)).cpu().numpy()
    return found


def _activation(network: DiffRGenNet, patches: Tensor) -> Tensor:
    """Shares (B, 14, g*g) in "positive" against the mean of the other three states; 0 where a patch speaks against it."""
    config = network.config
    weight = network.classifier.linear.weight[:, : config.encoder_width]  # those of v; the rest reads s
    by_state = weight.view(len(STATES), len(FINDINGS), -1)  # (4, 14, C)
    others = (by_state.sum(0) - by_state[POSITIVE]) / (len(STATES) - 1)
    maps = patches @ (by_state[POSITIVE] - others).T  # (B, g*g, 14)
    positive = maps.transpose(1, 2).float().clamp(min=0)  # (B, 14, g*g)
    share: Tensor = positive / positive.amax(-1, keepdim=True).clamp(min=1e-6)
    return share
