"""Published versions of the retrieval index: their manifests, whether they are whole, which one serves."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxrreport.errors import IndexFitError, StorageError
from cxrreport.files import printable
from cxrreport.retrieval import publish

TEXT, MANIFEST = "text", "manifest.json"
REBUILD = "rebuild the index with `cxrreport index`"
_NAME = re.compile("[a-z]+")  # a manifest must not name files elsewhere
_HEADER_BYTES = 4_096  # upper bound of what the file holds beside vectors and ids


@dataclass(frozen=True, slots=True)
class SpaceManifest:
    """Size and digests of one space, of its vectors and of the table of what was embedded; `norm` is the longest vector's."""

    count: int
    dim: int
    norm: float
    sha256: str
    digests_sha256: str


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """What one version of the index holds: `count` reports, their vectors by space.

    `source` says, without patient data, what it was built from.
    """

    version: str
    model_sha256: str
    count: int
    spaces: dict[str, SpaceManifest]
    created_at: str
    source: dict[str, Any] = field(default_factory=dict)


def verify(home_index: Path, version: str) -> IndexManifest:
    """Check sizes and digests of one version without loading it; gives its manifest.

    Raises
    ------
    IndexFitError : naming the expected and the actual digest where a file has changed.
    """
    manifest = read_manifest(home_index / version)
    for name, space in manifest.spaces.items():
        _verify_space(home_index / version, name, space)
    return manifest


def _verify_space(folder: Path, name: str, space: SpaceManifest) -> None:
    file, table = folder / f"{name}.faiss", folder / f"{name}.npy"
    if not (file.is_file() and table.is_file() and plausible_size(file, space.count, space.dim)):
        raise IndexFitError(f"a file of index version {folder.name} is missing or has the wrong size; {REBUILD}.")
    for part, expected in ((file, space.sha256), (table, space.digests_sha256)):
        actual = publish.sha256(part)
        if actual != expected:
            raise IndexFitError(
                f"index version {folder.name} is damaged: the digest of {part.name} is {actual[:12]}…,"
                f" not {expected[:12]}…; {REBUILD}."
            )


def roll_back(home_index: Path, model_sha256: str) -> IndexManifest:
    """Let the newest whole version of these weights before the current one serve again; returns its manifest.

    Raises
    ------
    IndexFitError : there is none.
    """
    with storage_errors(home_index), publish.lock(home_index):
        serving = publish.current(home_index) or ""
        known = list_versions(home_index)
        names = [manifest.version for manifest in known]
        older = known[names.index(serving) + 1 :] if serving in names else known
        for manifest in older:
            with suppress(IndexFitError):
                if manifest.model_sha256 == model_sha256 and manifest.version != serving:
                    verify(home_index, manifest.version)
                    publish.point_to(home_index, manifest.version)
                    return manifest
    raise IndexFitError("there is no older version of the index to go back to.", code="index.rollback")


def list_versions(home_index: Path) -> tuple[IndexManifest, ...]:
    """Manifests of all published versions that can be read, the newest first."""
    found = []
    with storage_errors(home_index):
        for version in publish.versions(home_index):
            with suppress(IndexFitError):
                found.append(read_manifest(home_index / version))
    return tuple(sorted(found, key=lambda manifest: manifest.created_at, reverse=True))


def prune(home_index: Path, keep: int) -> None:
    """Remove all but the serving version and the `keep` - 1 newest others, unreadable ones first. The caller holds the lock."""
    serving = publish.current(home_index)
    newest = [manifest.version for manifest in list_versions(home_index) if manifest.version != serving]
    kept = {serving, *newest[: keep - 1]}
    for version in publish.versions(home_index):
        if version not in kept:
            publish.remove(home_index, version)


def read_manifest(folder: Path) -> IndexManifest:
    """Manifest of the version in a folder.

    Raises
    ------
    IndexFitError : it is missing, unreadable or of another version.
    """
    try:
        row = json.loads((folder / MANIFEST).read_text("utf-8"))
        spaces = {name: SpaceManifest(**space) for name, space in row.pop("spaces").items()}
        manifest = IndexManifest(**row, spaces=spaces)
        named = all(_NAME.fullmatch(name) and space.count > 0 and space.dim > 0 for name, space in spaces.items())
        fits = manifest.version == folder.name and TEXT in spaces and named
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        fits = False
    if not fits:
        raise IndexFitError(f"the manifest of index version {folder.name} is missing or unreadable; {REBUILD}.")
    return manifest


def plausible_size(file: Path, count: int, dim: int) -> bool:
    """Has the file of `count` vectors of `dim` numbers the size that it must have?"""
    content = count * (dim * 4 + 8)
    return content <= file.stat().st_size <= content + _HEADER_BYTES


@contextmanager
def storage_errors(home: Path) -> Iterator[None]:
    """Tell what the operating system or FAISS' writer report as one sentence."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise StorageError(f"The index folder cannot be read or written: {reason} ({printable(home)}).") from None
    except RuntimeError as error:
        if "faiss" not in str(error):
            raise
        raise StorageError(f"An index file cannot be read or written; is the disk full? ({printable(home)})") from None
