"""The retrieval index: build, publish, verify and search. The only place that knows FAISS.

A version is a folder `<home_index>/<version>/` with `index.faiss` and, written last, `manifest.json`; the file
`CURRENT` names the version that serves. Publishing renames a finished folder and then replaces `CURRENT`, so a build
that is killed leaves the old version serving. Older versions stay, so that one can go back to them.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from cxrreport.errors import IndexFitError, ModelOutputError, StorageError
from cxrreport.retrieval import publish

_TIE = 1e-5  # FAISS' sums differ in the last bits from batch to batch; candidates this close are compared exactly
_HEADER_BYTES = 4_096  # upper bound of what the file holds beside vectors and ids
_REBUILD = "rebuild the index with `cxrreport index`"

Batch = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """What one version of the index holds. `source` says, without patient data, what it was built from."""

    version: str
    model_sha256: str
    count: int
    dim: int
    sha256: str
    created_at: str
    source: dict[str, Any] = field(default_factory=dict)


class Index:
    """A verified version, ready to be searched."""

    def __init__(self, manifest: IndexManifest, index: Any) -> None:
        self.manifest = manifest
        flat: Any = faiss.downcast_index(index.index)
        self._flat = flat
        self._ids: npt.NDArray[np.int64] = faiss.vector_to_array(index.id_map)
        self._vectors = faiss.rev_swig_ptr(flat.get_xb(), manifest.count * manifest.dim)
        self._vectors = self._vectors.reshape(manifest.count, manifest.dim)
        self._order = np.argsort(self._ids)
        self._owner = index  # keeps the memory of `_vectors` alive

    def search(
        self, queries: npt.NDArray[np.float32], count: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Find the `count` nearest reports of each query by inner product, exactly.

        Parameters
        ----------
        queries : unit vectors, shape (B, dim), float32.

        Returns
        -------
        scores (B, count), best first and -inf where the index is smaller, and report ids (B, count), -1 there. Equal
        scores come in order of id; the answer does not depend on what else is in the batch.

        Raises
        ------
        IndexFitError : the queries are of another width. ModelOutputError : they are not finite.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.manifest.dim or count < 1:
            raise IndexFitError(
                f"the index holds vectors of {self.manifest.dim} numbers, not {queries.shape[-1]}; {_REBUILD}."
            )
        if not np.isfinite(queries).all():
            raise ModelOutputError("the query vector of a study is not finite.")
        scores = np.full((len(queries), count), -np.inf, dtype=np.float32)
        ids = np.full((len(queries), count), -1, dtype=np.int64)
        for row, (query, places) in enumerate(zip(queries, self._candidates(queries, count))):
            exact = (self._vectors[places].astype(np.float64) * query).sum(axis=1).astype(np.float32)
            order = np.lexsort((self._ids[places], -exact))[:count]
            scores[row, : len(order)], ids[row, : len(order)] = exact[order], self._ids[places][order]
        return scores, ids

    def vectors(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the vectors (n, dim) of report ids that `search` gave."""
        return self._vectors[self._order[np.searchsorted(self._ids, ids, sorter=self._order)]]

    def _candidates(self, queries: npt.NDArray[np.float32], count: int) -> list[npt.NDArray[np.int64]]:
        """Places in the index that can be among the best `count` of each query, all ties at the edge included."""
        wanted = min(self.manifest.count, count + 32)
        while queries.shape[0]:
            scores, places = self._flat.search(queries, wanted)
            edge = scores[:, min(count, wanted) - 1]
            if wanted == self.manifest.count or bool((scores[:, -1] < edge - _TIE).all()):
                return list(places)
            wanted = min(self.manifest.count, wanted * 4)
        return []


def build(home_index: Path, batches: Iterable[Batch], *, model_sha256: str, source: Mapping[str, Any]) -> IndexManifest:
    """Build an exact inner-product index, publish it and make it current. Older versions are kept.

    Parameters
    ----------
    batches : pairs of report ids (n,), unique over all batches, and unit vectors (n, d).
    model_sha256 : digest of the weights whose encoder made the vectors.

    Raises
    ------
    IndexFitError : no vector at all, vectors of mixed width, not finite, or an id that comes twice.
    LockedError : another build is at work.
    StorageError : the folder cannot be written (disk full); nothing is published and no rubbish is left.
    """
    with _storage_errors(), publish.lock(home_index):
        publish.remove_rubbish(home_index)
        index = _fill(batches)
        created = datetime.now(UTC)
        temporary = home_index / f"{created:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.tmp-{os.getpid()}"
        temporary.mkdir(mode=0o700)
        try:
            return _write(temporary, index, model_sha256, source, created)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _fill(batches: Iterable[Batch]) -> Any:
    index = None
    for ids, vectors in batches:
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if index is None:
            index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[-1]))
        if vectors.ndim != 2 or vectors.shape != (len(ids), index.d) or not np.isfinite(vectors).all():
            raise IndexFitError("the vectors for the index are of mixed width or not finite.")
        index.add_with_ids(vectors, np.ascontiguousarray(ids, dtype=np.int64))
    if index is None or not index.ntotal:
        raise IndexFitError("there is no report to index; import signed reports first.", code="index.empty")
    if len(np.unique(faiss.vector_to_array(index.id_map))) != index.ntotal:
        raise IndexFitError("a report was given to the index twice.")
    return index


def _write(
    temporary: Path, index: Any, model_sha256: str, source: Mapping[str, Any], created: datetime
) -> IndexManifest:
    file = temporary / "index.faiss"
    faiss.write_index(index, str(file))
    publish.settle(file)
    if not _plausible_size(file, index.ntotal, index.d):  # FAISS does not report every short write
        raise StorageError("the index could not be written completely; is the disk full?")
    digest = publish.sha256(file)
    stamp = created.isoformat(timespec="microseconds")
    mark = hashlib.sha256(f"{digest} {model_sha256} {stamp}".encode()).hexdigest()[:8]
    version = f"{created:%Y%m%dT%H%M%SZ}-{mark}"
    manifest = IndexManifest(version, model_sha256, index.ntotal, index.d, digest, stamp, dict(source))
    publish.write(temporary / "manifest.json", json.dumps(asdict(manifest), indent=2) + "\n")
    publish.publish(temporary, version)
    return manifest


def _plausible_size(file: Path, count: int, dim: int) -> bool:
    content = count * (dim * 4 + 8)
    return content <= file.stat().st_size <= content + _HEADER_BYTES


def open_index(home_index: Path, *, model_sha256: str | None = None) -> Index | None:
    """Open the current version for searching; None where nothing is published.

    Parameters
    ----------
    model_sha256 : digest of the weights in use; an index of other weights is refused.

    Raises
    ------
    IndexFitError : the index is damaged, incomplete or of other weights.
    """
    with _storage_errors():
        publish.remove_rubbish_if_idle(home_index)
        version = publish.current(home_index)
        if version is None:
            return None
        manifest = verify(home_index, version)
        if model_sha256 is not None and manifest.model_sha256 != model_sha256:
            raise IndexFitError(
                f"the index was built with other weights ({manifest.model_sha256[:12]}…) than those in use"
                f" ({model_sha256[:12]}…); {_REBUILD}."
            )
        return Index(manifest, _read(home_index / version / "index.faiss", manifest))


def _read(file: Path, manifest: IndexManifest) -> Any:
    index = faiss.read_index(str(file))
    if not isinstance(index, faiss.IndexIDMap2) or (index.ntotal, index.d) != (manifest.count, manifest.dim):
        raise IndexFitError(f"the index file and its manifest do not fit together; {_REBUILD}.")
    return index


def verify(home_index: Path, version: str) -> IndexManifest:
    """Check size and digest of one version without loading it; gives its manifest.

    Raises
    ------
    IndexFitError : naming the expected and the actual digest where the file has changed.
    """
    manifest = _manifest(home_index / version)
    file = home_index / version / "index.faiss"
    if not file.is_file() or not _plausible_size(file, manifest.count, manifest.dim):
        raise IndexFitError(f"the file of index version {version} is missing or has the wrong size; {_REBUILD}.")
    actual = publish.sha256(file)
    if actual != manifest.sha256:
        raise IndexFitError(
            f"index version {version} is damaged: its digest is {actual[:12]}…, not {manifest.sha256[:12]}…;"
            f" {_REBUILD}."
        )
    return manifest


def list_versions(home_index: Path) -> tuple[IndexManifest, ...]:
    """Manifests of all published versions, the newest first."""
    with _storage_errors():
        return tuple(_manifest(home_index / version) for version in publish.versions(home_index))


def _manifest(folder: Path) -> IndexManifest:
    try:
        row = json.loads((folder / "manifest.json").read_text("utf-8"))
        manifest = IndexManifest(**row)
        fits = manifest.version == folder.name and manifest.count > 0 and manifest.dim > 0
    except (OSError, ValueError, TypeError):
        fits = False
    if not fits:
        raise IndexFitError(f"the manifest of index version {folder.name} is missing or unreadable; {_REBUILD}.")
    return manifest


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Tell what the operating system or FAISS' writer report as one sentence."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the index folder cannot be read or written: {os.strerror(error.errno or 0)}.") from None
    except RuntimeError as error:
        if "faiss" not in str(error):
            raise
        raise StorageError("the index file cannot be read or written; is the disk full?") from None
