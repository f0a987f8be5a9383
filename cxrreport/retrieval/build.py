"""Build, publish and open versions of the retrieval index.

A version is a folder `<home_index>/<version>/` with its spaces and, written last, `manifest.json`; the file `CURRENT`
names the version that serves. Publishing renames a finished folder and then replaces `CURRENT`, so a build that is
killed leaves the old version serving. Older versions stay, so that one can go back to them.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxrreport.errors import IndexFitError
from cxrreport.files import atomic
from cxrreport.retrieval import publish
from cxrreport.retrieval.approximate import with_lists
from cxrreport.retrieval.index import Space, SpaceWriter
from cxrreport.retrieval.segment import Ids, Part
from cxrreport.retrieval.versions import (
    MANIFEST,
    REBUILD,
    TEXT,
    IndexManifest,
    SpaceManifest,
    prune,
    read_manifest,
    storage_errors,
    verify,
)

Batch = Mapping[str, Part]  # name of the space -> vectors of it


@dataclass(frozen=True, slots=True)
class Index:
    """A verified version: its manifest and its spaces by name. The text space holds every report."""

    manifest: IndexManifest
    spaces: Mapping[str, Space]

    @property
    def text(self) -> Space:
        """Vectors of the reports' texts, which the network reads."""
        return self.spaces[TEXT]


@dataclass(frozen=True, slots=True)
class Base:
    """The version that a new one begins with, without the vectors of some reports, by space.

    erase : no file of the new version may hold a trace of those; else they are marked, and go in their time.
    """

    index: Index
    gone: Mapping[str, Ids]
    erase: bool = False


def build(
    home_index: Path,
    batches: Iterable[Batch],
    *,
    model_sha256: str,
    source: Mapping[str, Any],
    keep: int = 3,
    base: Base | None = None,
    exact_up_to: int | None = None,
) -> IndexManifest:
    """Build an index, publish it and make it current.

    Vectors go to the disk as they come. Files of `base` that have hardly changed are shared, not written again.

    Parameters
    ----------
    batches : vectors by space; a report id comes once a space, and every report is in the text space.
    model_sha256 : digest of the weights whose encoder made the vectors.
    keep : how many versions stay, the new one among them; older ones are removed.
    base : without, the batches are all there is.
    exact_up_to : of more texts than this, large segments are searched approximately; None leaves that as it is.

    Raises
    ------
    IndexFitError : no text at all, vectors of mixed width, not finite, or an id that comes twice.
    LockedError : another build is at work.
    StorageError : the folder cannot be written (disk full); nothing is published and no rubbish is left.
    """
    with storage_errors(home_index), publish.lock(home_index):
        publish.remove_rubbish(home_index)
        created = datetime.now(UTC)
        temporary = home_index / f"{created:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.tmp-{os.getpid()}"
        temporary.mkdir(mode=0o700)
        try:
            spaces = with_lists(temporary, _write(temporary, batches, base), exact_up_to)
            manifest = _publish(temporary, spaces, model_sha256, source, created)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        prune(home_index, keep)
        return manifest


def _write(folder: Path, batches: Iterable[Batch], base: Base | None) -> dict[str, SpaceManifest]:
    kept, gone = (base.index.spaces, base.gone) if base else ({}, {})
    erase = base is not None and base.erase

    def writer(name: str) -> SpaceWriter:
        return SpaceWriter(folder, name, kept.get(name), gone.get(name, ()), erase)

    writers = {name: writer(name) for name in kept}
    for batch in batches:
        for name, part in batch.items():
            if name not in writers:
                writers[name] = writer(name)
            writers[name].add(part)
    closed = {name: one.close() for name, one in writers.items()}
    return {name: space for name, space in closed.items() if space is not None}


def _publish(
    temporary: Path, spaces: dict[str, SpaceManifest], model_sha256: str, source: Mapping[str, Any], created: datetime
) -> IndexManifest:
    if TEXT not in spaces:
        raise IndexFitError("there is no report to index; import signed reports first.", code="index.empty")
    stamp = created.isoformat(timespec="microseconds")
    digests = " ".join(space.sha256 for space in spaces.values())
    mark = hashlib.sha256(f"{digests} {model_sha256} {stamp}".encode()).hexdigest()[:8]
    version = f"{created:%Y%m%dT%H%M%SZ}-{mark}"
    manifest = IndexManifest(version, model_sha256, spaces[TEXT].count, spaces, stamp, dict(source))
    with atomic(temporary / MANIFEST) as file:
        file.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    publish.publish(temporary, version)
    return manifest


def open_index(home_index: Path, *, model_sha256: str | None = None, verified: str | None = None) -> Index | None:
    """Open the current version for searching; None where nothing is published.

    Parameters
    ----------
    model_sha256 : digest of the weights in use; an index of other weights is refused.
    verified : a version whose digests this run has checked already, to be opened whatever serves now: a worker need not read
        all of it once more.

    Raises
    ------
    IndexFitError : the index is damaged, incomplete or of other weights.
    """
    with storage_errors(home_index):
        publish.remove_rubbish_if_idle(home_index)
        version = verified or publish.current(home_index)
        if version is None:
            return None
        manifest = read_manifest(home_index / version) if verified else verify(home_index, version)
        if model_sha256 is not None and manifest.model_sha256 != model_sha256:
            raise IndexFitError(
                f"the index was built with other weights ({manifest.model_sha256[:12]}…) than those in use"
                f" ({model_sha256[:12]}…); {REBUILD}."
            )
        folder = home_index / version
        return Index(manifest, {name: Space(folder, name, space) for name, space in manifest.spaces.items()})


def open_serving(home_index: Path, model_sha256: str) -> Index | None:
    """What a new version can begin with; None where no version serves or it is damaged or of other weights."""
    try:
        return open_index(home_index, model_sha256=model_sha256)
    except IndexFitError:
        return None


def content_digest(content: str) -> int:
    """64 bits of sha256, signed."""
    return int.from_bytes(hashlib.sha256(content.encode("utf-8", "replace")).digest()[:8], "big", signed=True)
