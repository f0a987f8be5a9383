"""Published versions of the retrieval index: their manifests, whether they are whole, which one serves."""

from __future__ import annotations

import hashlib
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
FORM = 2  # to be raised when the files of a version change, or what is embedded of a report


@dataclass(frozen=True, slots=True)
class SegmentManifest:
    """Size and digests of one segment: of its vectors, of the table of what was embedded, and of the rows that are gone.

    `near_sha256` is that of the lists for approximate search, "" without; `probes` is how many of them are looked into,
    `recall` what that finds of the best 21, None where it was never tried.
    """

    space: str
    number: int
    count: int
    sha256: str
    rows_sha256: str
    gone: int = 0
    gone_sha256: str = ""
    near_sha256: str = ""
    probes: int = 0
    recall: float | None = None


def segment_file(segment: SegmentManifest, kind: str) -> str:
    """Name of a file of a segment: "vectors", "rows", "gone" or "near"."""
    return f"{segment.space}-{segment.number}.{kind}.{'faiss' if kind == 'near' else 'npy'}"


@dataclass(frozen=True, slots=True)
class SpaceManifest:
    """How many reports one space holds, and where; `norm` is at least the longest vector's."""

    count: int
    dim: int
    norm: float
    segments: tuple[SegmentManifest, ...]

    @property
    def sha256(self) -> str:
        """Digest of all its files."""
        sums = [f"{one.sha256} {one.rows_sha256} {one.gone_sha256} {one.near_sha256}" for one in self.segments]
        return hashlib.sha256("\n".join(sums).encode()).hexdigest()


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
    form: int = FORM


def verify(home_index: Path, version: str) -> IndexManifest:
    """Check sizes and digests of one version without loading it; gives its manifest.

    Raises
    ------
    IndexFitError : naming the expected and the actual digest where a file has changed.
    """
    folder = home_index / version
    manifest = read_manifest(folder)
    for space in manifest.spaces.values():
        for segment in space.segments:
            _verify_segment(folder, segment)
    return manifest


def _verify_segment(folder: Path, segment: SegmentManifest) -> None:
    sums = {
        "vectors": segment.sha256,
        "rows": segment.rows_sha256,
        "gone": segment.gone_sha256,
        "near": segment.near_sha256,
    }
    for kind, expected in sums.items():
        if expected:
            _verify_file(folder, segment_file(segment, kind), expected)


def _verify_file(folder: Path, name: str, expected: str) -> None:
    if not (folder / name).is_file():
        raise IndexFitError(f"a file of index version {folder.name} is missing; {REBUILD}.")
    actual = publish.sha256(folder / name)
    if actual != expected:
        raise IndexFitError(
            f"index version {folder.name} is damaged: the digest of {name} is {actual[:12]}…,"
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
    IndexFitError : it is missing, unreadable, of another version, or in a form that this release does not read.
    """
    try:
        row = json.loads((folder / MANIFEST).read_text("utf-8"))
        manifest = _manifest(row) if (form := row.get("form", 1)) == FORM else None
        fits = manifest is None or (manifest.version == folder.name and _fits(manifest))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        fits = False
    if not fits:
        raise IndexFitError(f"the manifest of index version {folder.name} is missing or unreadable; {REBUILD}.")
    if manifest is None:
        raise IndexFitError(
            f"index version {folder.name} is in form {form}, this release reads form {FORM}; {REBUILD}."
        )
    return manifest


def _manifest(row: dict[str, Any]) -> IndexManifest:
    spaces = {name: _space(space) for name, space in row.pop("spaces").items()}
    return IndexManifest(**row, spaces=spaces)


def _space(row: dict[str, Any]) -> SpaceManifest:
    return SpaceManifest(**{**row, "segments": tuple(SegmentManifest(**one) for one in row["segments"])})


def _fits(manifest: IndexManifest) -> bool:
    """Is every space of a plausible size, and do its segments name files of its own?"""
    return TEXT in manifest.spaces and all(
        _NAME.fullmatch(name)
        and space.count > 0
        and space.dim > 0
        and all(one.space == name and isinstance(one.number, int) and one.count > 0 for one in space.segments)
        for name, space in manifest.spaces.items()
    )


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
