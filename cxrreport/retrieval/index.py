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
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from cxrreport.errors import IndexFitError, ModelOutputError, StorageError
from cxrreport.retrieval import publish
from cxrreport.retrieval.versions import (
    INDEX,
    MANIFEST,
    REBUILD,
    TEXTS,
    IndexManifest,
    plausible_size,
    storage_errors,
    verify,
)

_TIE = 1e-5  # FAISS' sums differ in the last bits from batch to batch; candidates this close are compared exactly

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
Batch = tuple[Ids, Ids, Vectors]


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
                f"the index holds vectors of {self.manifest.dim} numbers, not {queries.shape[-1]}; {REBUILD}."
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
    batches : report ids (n,), unique over all batches, digests of their texts (n,), and unit vectors (n, d).
    model_sha256 : digest of the weights whose encoder made the vectors.

    Raises
    ------
    IndexFitError : no vector at all, vectors of mixed width, not finite, or an id that comes twice.
    LockedError : another build is at work.
    StorageError : the folder cannot be written (disk full); nothing is published and no rubbish is left.
    """
    with storage_errors(), publish.lock(home_index):
        publish.remove_rubbish(home_index)
        index, texts = _fill(batches)
        created = datetime.now(UTC)
        temporary = home_index / f"{created:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.tmp-{os.getpid()}"
        temporary.mkdir(mode=0o700)
        try:
            return _write(temporary, index, texts, model_sha256, source, created)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _fill(batches: Iterable[Batch]) -> tuple[Any, Ids]:
    """The FAISS index and, row by row, report id and digest of its text (n, 2)."""
    index, texts = None, []
    for ids, digests, vectors in batches:
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if index is None:
            index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[-1]))
        if vectors.ndim != 2 or vectors.shape != (len(ids), index.d) or not np.isfinite(vectors).all():
            raise IndexFitError("the vectors for the index are of mixed width or not finite.")
        index.add_with_ids(vectors, np.ascontiguousarray(ids, dtype=np.int64))
        texts.append(np.stack([ids, digests], axis=1))
    if index is None or not index.ntotal:
        raise IndexFitError("there is no report to index; import signed reports first.", code="index.empty")
    if len(np.unique(faiss.vector_to_array(index.id_map))) != index.ntotal:
        raise IndexFitError("a report was given to the index twice.")
    return index, np.concatenate(texts)


def _write(
    temporary: Path, index: Any, texts: Ids, model_sha256: str, source: Mapping[str, Any], created: datetime
) -> IndexManifest:
    file, table = temporary / INDEX, temporary / TEXTS
    np.save(table, texts, allow_pickle=False)
    publish.settle(table)
    faiss.write_index(index, str(file))
    publish.settle(file)
    if not plausible_size(file, index.ntotal, index.d):  # FAISS does not report every short write
        raise StorageError("the index could not be written completely; is the disk full?")
    digest = publish.sha256(file)
    stamp = created.isoformat(timespec="microseconds")
    mark = hashlib.sha256(f"{digest} {model_sha256} {stamp}".encode()).hexdigest()[:8]
    version = f"{created:%Y%m%dT%H%M%SZ}-{mark}"
    manifest = IndexManifest(
        version, model_sha256, index.ntotal, index.d, digest, publish.sha256(table), stamp, dict(source)
    )
    publish.write(temporary / MANIFEST, json.dumps(asdict(manifest), indent=2) + "\n")
    publish.publish(temporary, version)
    return manifest


def open_index(home_index: Path, *, model_sha256: str | None = None) -> Index | None:
    """Open the current version for searching; None where nothing is published.

    Parameters
    ----------
    model_sha256 : digest of the weights in use; an index of other weights is refused.

    Raises
    ------
    IndexFitError : the index is damaged, incomplete or of other weights.
    """
    with storage_errors():
        publish.remove_rubbish_if_idle(home_index)
        version = publish.current(home_index)
        if version is None:
            return None
        manifest = verify(home_index, version)
        if model_sha256 is not None and manifest.model_sha256 != model_sha256:
            raise IndexFitError(
                f"the index was built with other weights ({manifest.model_sha256[:12]}…) than those in use"
                f" ({model_sha256[:12]}…); {REBUILD}."
            )
        return Index(manifest, _read(home_index / version / INDEX, manifest))


def _read(file: Path, manifest: IndexManifest) -> Any:
    index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)  # pages are shared and read as they are needed
    if not isinstance(index, faiss.IndexIDMap2) or (index.ntotal, index.d) != (manifest.count, manifest.dim):
        raise IndexFitError(f"the index file and its manifest do not fit together; {REBUILD}.")
    return index


class Known:
    """Vectors of the version that serves, by report and text, so that a rebuild embeds only what is new."""

    def __init__(self, index: Index, texts: Ids) -> None:
        self._index = index
        self._digests = dict(texts.tolist())

    def take(self, ids: Ids, digests: Ids) -> tuple[npt.NDArray[np.bool_], Vectors]:
        """Which reports (n,) are known with this very text, and their vectors (known, d)."""
        pairs = zip(ids.tolist(), digests.tolist(), strict=True)
        known = np.array([self._digests.get(report) == digest for report, digest in pairs], bool)
        return known, self._index.vectors(ids[known])


def open_known(home_index: Path, model_sha256: str) -> Known | None:
    """What a rebuild can take over; None where nothing serves or it is damaged or of other weights."""
    try:
        index = open_index(home_index, model_sha256=model_sha256)
        if index is None:
            return None
        return Known(index, np.load(home_index / index.manifest.version / TEXTS, allow_pickle=False))
    except IndexFitError:
        return None


def text_digest(text: str) -> int:
    """64 bits of sha256, signed."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big", signed=True)
