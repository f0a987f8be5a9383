"""Published versions of the retrieval index: their manifests, whether they are whole, which one serves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxrreport.errors import IndexFitError, StorageError
from cxrreport.retrieval import publish

INDEX, TEXTS, MANIFEST = "index.faiss", "texts.npy", "manifest.json"
REBUILD = "rebuild the index with `cxrreport index`"
_HEADER_BYTES = 4_096  # upper bound of what the file holds beside vectors and ids


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """What one version of the index holds. `source` says, without patient data, what it was built from."""

    version: str
    model_sha256: str
    count: int
    dim: int
    sha256: str
    texts_sha256: str
    created_at: str
    source: dict[str, Any] = field(default_factory=dict)


def verify(home_index: Path, version: str) -> IndexManifest:
    """Check size and digest of one version without loading it; gives its manifest.

    Raises
    ------
    IndexFitError : naming the expected and the actual digest where the file has changed.
    """
    manifest = read_manifest(home_index / version)
    file = home_index / version / INDEX
    whole = file.is_file() and file.with_name(TEXTS).is_file()
    if not whole or not plausible_size(file, manifest.count, manifest.dim):
        raise IndexFitError(f"the file of index version {version} is missing or has the wrong size; {REBUILD}.")
    for part, expected in ((file, manifest.sha256), (file.with_name(TEXTS), manifest.texts_sha256)):
        actual = publish.sha256(part)
        if actual != expected:
            raise IndexFitError(
                f"index version {version} is damaged: the digest of {part.name} is {actual[:12]}…, not {expected[:12]}…;"
                f" {REBUILD}."
            )
    return manifest


def roll_back(home_index: Path) -> IndexManifest:
    """Let the version before the current one serve again; returns its manifest.

    Raises
    ------
    IndexFitError : there is none, or it is damaged.
    """
    with storage_errors(), publish.lock(home_index):
        serving = publish.current(home_index)
        names = [manifest.version for manifest in list_versions(home_index)]
        older = names[names.index(serving) + 1 :] if serving in names else []
        if not older:
            raise IndexFitError("there is no older version of the index to go back to.", code="index.rollback")
        manifest = verify(home_index, older[0])
        publish.point_to(home_index, manifest.version)
        return manifest


def list_versions(home_index: Path) -> tuple[IndexManifest, ...]:
    """Manifests of all published versions, the newest first."""
    with storage_errors():
        found = [read_manifest(home_index / version) for version in publish.versions(home_index)]
    return tuple(sorted(found, key=lambda manifest: manifest.created_at, reverse=True))


def read_manifest(folder: Path) -> IndexManifest:
    """Manifest of the version in a folder.

    Raises
    ------
    IndexFitError : it is missing, unreadable or of another version.
    """
    try:
        row = json.loads((folder / MANIFEST).read_text("utf-8"))
        manifest = IndexManifest(**row)
        fits = manifest.version == folder.name and manifest.count > 0 and manifest.dim > 0
    except (OSError, ValueError, TypeError):
        fits = False
    if not fits:
        raise IndexFitError(f"the manifest of index version {folder.name} is missing or unreadable; {REBUILD}.")
    return manifest


def plausible_size(file: Path, count: int, dim: int) -> bool:
    """Has the file of `count` vectors of `dim` numbers the size that it must have?"""
    content = count * (dim * 4 + 8)
    return content <= file.stat().st_size <= content + _HEADER_BYTES


@contextmanager
def storage_errors() -> Iterator[None]:
    """Tell what the operating system or FAISS' writer report as one sentence."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the index folder cannot be read or written: {os.strerror(error.errno or 0)}.") from None
    except RuntimeError as error:
        if "faiss" not in str(error):
            raise
        raise StorageError("the index file cannot be read or written; is the disk full?") from None
