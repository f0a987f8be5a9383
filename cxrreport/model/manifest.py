"""The manifest of a set of weights, read without torch."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cxrreport.errors import WeightsError
from cxrreport.files import write_json

NETWORK, VIEWS, CONFIG, VOCABULARY = "model.safetensors", "views.safetensors", "config.json", "vocab.txt"
UPRIGHT = "upright.safetensors"  # how a frontal image lies; weights may lack it
MANIFEST = "manifest.json"

FITTED = ("calibration", "reference")  # entries of what is fitted to one network, and is no part of what identifies it


def default_directory() -> Path:
    """The weights that come with the package."""
    spec = importlib.util.find_spec("cxrreport.weights")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("The package holds no weights; name a directory with --weights.")
    return Path(next(iter(spec.submodule_search_locations)))


def read_manifest(directory: Path) -> dict[str, Any]:
    """Return the manifest of a weights directory.

    Raises
    ------
    WeightsError : when it is missing, no JSON, or not one of ours.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        files = manifest["files"]
        if not {NETWORK, VIEWS, CONFIG, VOCABULARY} <= set(files) or any(Path(name).name != name for name in files):
            raise KeyError("files")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError("The weights directory has no valid manifest.json.", "weights.manifest") from error
    return dict(manifest)


def weights_sha256(manifest: dict[str, Any]) -> str:
    """One digest for all files of a manifest; it identifies the weights in every draft and index."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(manifest["files"].items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_fitted(manifest: Mapping[str, Any], entry: str, content: bytes, network: str) -> bool:
    """Whether the bytes of a file of `FITTED` are those that the manifest names, and of its network. network : digest."""
    return (hashlib.sha256(content).hexdigest(), network) == (manifest[entry], manifest["files"][NETWORK])


@contextmanager
def naming(directory: Path, entry: str, sha256: str) -> Iterator[None]:
    """Name, as one of `FITTED`, what the block puts beside the weights.

    A kill meanwhile leaves weights without it, never ones that are refused.
    """
    plain = {name: value for name, value in read_manifest(directory).items() if name != entry}
    write_json(directory / MANIFEST, plain, indent=1)
    yield
    write_json(directory / MANIFEST, {**plain, entry: sha256}, indent=1)
