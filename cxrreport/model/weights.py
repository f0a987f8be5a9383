"""Weights on disk: safetensors with a manifest of sha256 sums. Beside `chexbert` the only module of `model` that opens files.

A weights directory holds `manifest.json`, `config.json`, `vocab.txt`, `model.safetensors` (the network),
`views.safetensors` (the view classifier) and, where they were trained, `retriever.safetensors` (the hyperbolic retriever),
`temporal.safetensors` (what compares a study with its prior), `prior.safetensors` (how the decoder reads the prior) and
`upright.safetensors` (how a frontal image lies).
`calibration.json` and `reference.safetensors` (see `calibration`, `reference`) are added once the weights are there, and are
no part of what identifies them.
Bytes are verified before they are parsed, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from cxrreport.errors import UnavailableError, UsageError, WeightsError
from cxrreport.files import sync
from cxrreport.model.calibration import Calibration
from cxrreport.model.config import DiffRGenNetConfig
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.manifest import (
    CONFIG,
    FITTED,
    NETWORK,
    UPRIGHT,
    VIEWS,
    VOCABULARY,
    default_directory,
    read_manifest,
    weights_sha256,
)
from cxrreport.model.prior import PriorReader
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.reference import Reference
from cxrreport.model.revtaf.hyperbolic import HyperbolicHead
from cxrreport.model.tokens import ReportTokenizer
from cxrreport.model.upright import UprightNetwork
from cxrreport.model.variants import build_network
from cxrreport.model.views import ViewClassifier

RETRIEVER, TEMPORAL, PRIOR = "retriever.safetensors", "temporal.safetensors", "prior.safetensors"  # not all have them
_FILES = (NETWORK, VIEWS, RETRIEVER, TEMPORAL, PRIOR, UPRIGHT)
_DEVICE = re.compile(r"auto|cpu|cuda(?::(?P<index>[0-9]+))?")
_TIED = "decoder.lm.cls.predictions.decoder."


@dataclass(frozen=True, slots=True)
class Weights:
    """A verified weights directory, loaded and in evaluation mode."""

    network: DiffRGenNet
    views: ViewClassifier
    tokenizer: ReportTokenizer
    manifest: dict[str, Any]
    sha256: str
    hyperbolic: HyperbolicHead | None = None
    temporal: TemporalNetwork | None = None
    prior: PriorReader | None = None
    upright: UprightNetwork | None = None
    calibration: Calibration | None = None
    reference: Reference | None = None


def _read_verified(directory: Path, name: str, expected: str) -> bytes:
    try:
        content = (directory / name).read_bytes()
    except OSError as error:
        raise WeightsError(f"The weights file {name} cannot be read.", "weights.missing") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise WeightsError(
            f"The weights file {name} is damaged: sha256 {actual}, expected {expected}.", "weights.sha256"
        )
    return content


def _fill(module: nn.Module, content: bytes, name: str) -> None:
    """Load tensors into a module; every tensor must fit."""
    try:
        tensors = {key: value.float() if value.is_floating_point() else value for key, value in load(content).items()}
        missing, unexpected = module.load_state_dict(tensors, strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(f"The weights file {name} does not fit its config.json.", "weights.shape") from error
    if unexpected or any(not key.startswith(_TIED) for key in missing):
        raise WeightsError(f"The weights file {name} does not fit its config.json.", "weights.shape")


class _Parts(NamedTuple):
    """The networks of a weights directory, in the order of `_FILES`."""

    network: DiffRGenNet
    views: ViewClassifier
    hyperbolic: HyperbolicHead | None
    temporal: TemporalNetwork | None
    prior: PriorReader | None
    upright: UprightNetwork | None


def _build(content: Mapping[str, bytes]) -> _Parts:
    """The networks that config.json describes, of those whose files are there."""
    try:
        config = DiffRGenNetConfig(**json.loads(content[CONFIG]))
        network = build_network(config)
        return _Parts(
            network,
            ViewClassifier(),
            HyperbolicHead(config.d_retrieval) if RETRIEVER in content else None,
            TemporalNetwork(config) if TEMPORAL in content else None,
            PriorReader(config, network.decoder) if PRIOR in content else None,
            UprightNetwork() if UPRIGHT in content else None,
        )
    except Exception as error:  # no JSON, or what the constructors raise at a value that makes no sense
        raise WeightsError(f"The weights file {CONFIG} describes no network. {error}", "weights.config") from error


def _read_vocabulary(content: bytes, rows: set[int]) -> ReportTokenizer:
    """The tokenizer; decoder and text tower, whose `rows` these are, must have one for each of its pieces."""
    try:
        tokenizer = ReportTokenizer(content.decode().splitlines())
    except UnicodeDecodeError as error:
        raise WeightsError(f"The weights file {VOCABULARY} is no UTF-8 text.", "weights.vocabulary") from error
    if rows != {len(tokenizer)}:
        raise WeightsError(f"The weights file {VOCABULARY} does not fit its {CONFIG}.", "weights.vocabulary")
    return tokenizer


def load_weights(directory: Path | None = None, device: str = "cpu") -> Weights:
    """Verify and load a weights directory (default: the one of the package).

    Raises
    ------
    WeightsError : names the file and, for a wrong digest, both digests.
    """
    directory = directory or default_directory()
    manifest = read_manifest(directory)
    content = {name: _read_verified(directory, name, digest) for name, digest in manifest["files"].items()}
    parts = _build(content)
    for name, part in zip(_FILES, parts, strict=True):
        if part is not None:
            _fill(part, content[name], name)
    network = parts.network
    network.decoder.tie()
    tokenizer = _read_vocabulary(
        content[VOCABULARY], {part["vocab_size"] for part in (network.config.decoder, network.config.text)}
    )
    for module in filter(None, parts):
        nn.Module.to(module, device).eval()
    calibration = Calibration.shipped(directory, manifest)
    known = Reference.shipped(directory, manifest)
    return Weights(network, parts.views, tokenizer, manifest, weights_sha256(manifest), *parts[2:], calibration, known)


def _tensors(module: nn.Module, precision: torch.dtype) -> dict[str, Tensor]:
    """State in the given precision, without the tied output layer."""
    state = {key: value for key, value in module.state_dict().items() if not key.startswith(_TIED)}
    return {
        key: (value.to(precision) if value.is_floating_point() else value).detach().cpu().contiguous().clone()
        for key, value in state.items()
    }


def save_weights(
    directory: Path, network: DiffRGenNet, views: ViewClassifier, tokenizer: ReportTokenizer, card: dict[str, Any],
    hyperbolic: HyperbolicHead | None = None, temporal: TemporalNetwork | None = None, prior: PriorReader | None = None,
    upright: UprightNetwork | None = None,
) -> str:  # fmt: skip
    """Write a weights directory whole, in place of what is there. `card` holds data, licence, command, commit, metrics, …

    Everything is on the disk in `<name>.tmp`, the manifest last, before the names are swapped; see `recover_weights`.
    Returns the digest that identifies the weights.
    """
    config = network.config.to_diff_dict()
    config["label_prior"] = [round(p, 6) for p in network.label_prior.tolist()]
    recover_weights(directory)
    new = _beside(directory, ".tmp")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    (new / CONFIG).write_text(json.dumps(config, indent=1, default=list) + "\n", encoding="utf-8")
    tokenizer.save(new / VOCABULARY)
    names = [CONFIG, VOCABULARY]
    for name, part in zip(_FILES, _Parts(network, views, hyperbolic, temporal, prior, upright), strict=True):
        if part is not None:
            (new / name).write_bytes(save(_tensors(part, torch.float16)))
            names.append(name)
    facts = {name: value for name, value in card.items() if name not in FITTED}
    manifest = {**facts, "files": {name: hashlib.sha256((new / name).read_bytes()).hexdigest() for name in names}}
    sync(*(new / name for name in names))
    (new / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    sync(new / "manifest.json", new)
    _swap(new, directory)
    return weights_sha256(manifest)


def recover_weights(directory: Path) -> None:
    """Bring the weights back that a kill within the swap of `save_weights` left beside their name."""
    old = _beside(directory, ".old")
    if old.exists() and not directory.exists():
        old.rename(directory)


def _beside(directory: Path, suffix: str) -> Path:
    return directory.with_name(directory.name + suffix)


def _swap(new: Path, directory: Path) -> None:
    """Let `new` take the name; a directory cannot be renamed onto a full one, so the old one steps aside first."""
    old = _beside(directory, ".old")
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    new.rename(directory)
    sync(directory.parent)
    shutil.rmtree(old, ignore_errors=True)


def resolve_device(name: str) -> str:
    """`auto`, `cpu`, `cuda` or `cuda:i` -> a device that exists; `auto` takes the first GPU, else the CPU.

    Raises
    ------
    UsageError : for any other name. UnavailableError : when a GPU is asked for and there is none.
    """
    asked = _DEVICE.fullmatch(name)
    if asked is None:
        raise UsageError("A device is auto, cpu, cuda or cuda:i; several are for `generate` alone.", "device.unknown")
    if name == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return name
    index = int(asked["index"] or 0)
    if index >= torch.cuda.device_count():
        raise UnavailableError(f"The device {name} does not exist here; use --device cpu.", "device.missing")
    return f"cuda:{index}"
