"""Third stage: the hyperbolic retriever (docs/model.md, REVTAF) learns on the state logits of the network; seconds on a CPU.

Only plain images: augmented copies and noise on the logits made it no better on validation. The classifier has seen the
training labels, which hardly shows: on IU X-Ray it is right in .816 of the training and .811 of the validation states,
and as sure of itself, and a head that learned on studies new to the classifier was no better than one of as many old.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxrreport.datasets.encoded import Encoded
from cxrreport.evaluation.retrieval import label_f1_at
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.revtaf.hyperbolic import HyperbolicHead, distances, image_logits, ranking_loss
from cxrreport.training.descent import Descent, parameter_groups
from cxrreport.training.encoder_stage import shuffled

EPOCHS = 60
_BATCH = 64
_RATE = 3e-3
_COUNTS = (1, 5)  # of the reports that are scored


@torch.inference_mode()
def cache_logits(network: DiffRGenNet, encoded: Encoded) -> Tensor:
    """State logits (n, 4, 14) of the plain images, no report retrieved; puts the network in evaluation mode."""
    network.eval()
    device = next(network.parameters()).device
    parts = []
    for rows in torch.arange(len(encoded.patch_mask)).split(_BATCH):
        features = encoded.features(rows.tolist(), torch.zeros_like(rows)).to(device)
        parts.append(image_logits(network, features).float().cpu())
    return torch.cat(parts)


def train_retriever(
    logits: Tensor, states: npt.NDArray[np.int64], width: int, generator: torch.Generator, epochs: int = EPOCHS
) -> HyperbolicHead:  # fmt: skip
    """Train a head of `width`; returns it in eval mode and on the CPU.

    logits (n, 4, 14), states (n, 14) indices. Equal arguments give an equal head.
    """
    head = _new_head(logits, width, generator)
    truth = torch.from_numpy(states)
    steps = max(epochs * (len(truth) // _BATCH + 1), 2)
    descent = Descent(parameter_groups(head.parameters(), _RATE), steps)
    for _ in range(epochs):
        for rows in shuffled(len(truth), _BATCH, generator):
            descent.step(ranking_loss(head(logits[rows]), truth[rows]))
    return head.eval()


def _new_head(logits: Tensor, width: int, generator: torch.Generator) -> HyperbolicHead:
    head = HyperbolicHead(width)
    for layer in (head.first, head.second):
        nn.init.xavier_uniform_(layer.weight, generator=generator)  # from the stage's own numbers
    head.fit(logits)
    return head


@torch.inference_mode()
def validate_retriever(
    head: HyperbolicHead, bank: Tensor, bank_states: npt.NDArray[np.int64], logits: Tensor, states: npt.NDArray[np.int64]
) -> dict[str, float]:  # fmt: skip
    """Label-F1@k of the reports of the bank studies nearest to each query; no query's patient may be in the bank.

    bank (m, 4, 14) and logits (n, 4, 14) are as `cache_logits` gives them; bank_states (m, 14), states (n, 14).
    """
    near = distances(head(logits), head(bank)).topk(min(max(_COUNTS), len(bank)), largest=False).indices.numpy()
    return {f"retriever_f1_at_{k}": label_f1_at(states, bank_states[near[:, :k]]) for k in _COUNTS}
