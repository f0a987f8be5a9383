"""Vectors of reports in one space, searched exactly. The only place that knows FAISS.

A space is a file `<name>.faiss` and, row by row, report id and digest of what was embedded in `<name>.npy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from cxrreport.errors import IndexFitError, ModelOutputError, StorageError
from cxrreport.retrieval import publish
from cxrreport.retrieval.versions import REBUILD, SpaceManifest, plausible_size

# FAISS' sums differ in the last bits from batch to batch, in proportion to the lengths of query and vector; candidates
# this close are compared exactly
_TIE = 1e-5

# whole blocks of the archive by BLAS, for few queries too: FAISS' own loop takes 2 to 4 times as long (benchmarks.retrieval)
faiss.cvar.distance_compute_blas_threshold = 1
faiss.cvar.distance_compute_blas_database_bs = 65_536

Flags = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """Some vectors of one space: report ids (n,), digests of what was embedded (n,), and vectors (n, d)."""

    ids: Ids
    digests: Ids
    vectors: Vectors


class Space:
    """A verified space, ready to be searched."""

    def __init__(self, folder: Path, name: str, manifest: SpaceManifest) -> None:
        file = str(folder / f"{name}.faiss")
        index: Any = faiss.read_index(file, faiss.IO_FLAG_MMAP_IFC)  # pages are shared and read as they are needed
        if not isinstance(index, faiss.IndexIDMap) or (index.ntotal, index.d) != (manifest.count, manifest.dim):
            raise IndexFitError(f"the index file and its manifest do not fit together; {REBUILD}.")
        self.manifest = manifest
        self._table = folder / f"{name}.npy"
        flat: Any = faiss.downcast_index(index.index)
        self._flat = flat
        self._ids: Ids = _ids_of(index)
        self._vectors = faiss.rev_swig_ptr(flat.get_xb(), manifest.count * manifest.dim)
        self._vectors = self._vectors.reshape(manifest.count, manifest.dim)
        self._order = np.argsort(self._ids)
        self._tie = _TIE * max(1.0, manifest.norm)
        self._owner = index  # keeps the memory of `_vectors` alive

    def search(self, queries: Vectors, count: int) -> tuple[Vectors, Ids]:
        """Find the `count` nearest reports of each query by inner product, exactly.

        Parameters
        ----------
        queries : shape (B, dim), float32.

        Returns
        -------
        scores (B, count), best first and -inf where the space is smaller, and report ids (B, count), -1 there. Equal
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

    def vectors(self, ids: Ids) -> Vectors:
        """Return the vectors (n, dim) of report ids that are in the space."""
        return self._vectors[self._places(ids)]

    def without(self, ids: Ids) -> Part:
        """All of the space but these reports."""
        table: Ids = np.load(self._table, allow_pickle=False)
        kept = ~np.isin(table[:, 0], ids)
        return Part(table[kept, 0], table[kept, 1], self._vectors[kept])

    def compare(self, ids: Ids, digests: Ids) -> tuple[Flags, Flags]:
        """Which reports (n,) the space holds, and which of them with this very content."""
        places = self._places(ids)
        held = self._ids[places] == ids
        table: Ids = np.load(self._table, mmap_mode="r", allow_pickle=False)
        return held, held & (table[places, 1] == digests)

    def _places(self, ids: Ids) -> npt.NDArray[np.intp]:
        """Where the ids are, or would be."""
        found = np.searchsorted(self._ids, ids, sorter=self._order)
        places: npt.NDArray[np.intp] = self._order[found.clip(max=len(self._order) - 1)]
        return places

    def _candidates(self, queries: Vectors, count: int) -> list[npt.NDArray[np.int64]]:
        """Places that can be among the best `count` of each query, all ties at the edge included."""
        wanted = min(self.manifest.count, count + 32)
        while queries.shape[0]:
            scores, places = self._flat.search(queries, wanted)
            edge = scores[:, min(count, wanted) - 1]
            tie = self._tie * np.maximum(1, np.linalg.norm(queries, axis=1))
            if wanted == self.manifest.count or bool((scores[:, -1] < edge - tie).all()):
                return list(places)
            wanted = min(self.manifest.count, wanted * 4)
        return []


def _ids_of(index: Any) -> Ids:
    """Report ids of an IndexIDMap, in the order of its vectors.

    SimpleITK, wrapped by SWIG as faiss is, shares faiss' table of C++ types: once loaded in this process, the vector of ids
    comes as a class of SimpleITK, which faiss does not know. So it is named by hand.
    """
    vector: Any = faiss.Int64Vector.__new__(faiss.Int64Vector)
    vector.this = index.id_map.this
    ids: Ids = faiss.vector_to_array(vector)
    return ids


class SpaceWriter:
    """Takes the vectors of one space batch by batch and writes them; holds them in memory once, until written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._index: Any = None
        self._table: list[Ids] = []
        self._norm = 0.0

    def add(self, part: Part) -> None:
        """Take vectors in.

        Raises
        ------
        IndexFitError : they are of another width than those before, or not finite.
        """
        vectors = np.ascontiguousarray(part.vectors, dtype=np.float32)
        if self._index is None:
            self._index = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[-1]))
        if vectors.ndim != 2 or vectors.shape != (len(part.ids), self._index.d) or not np.isfinite(vectors).all():
            raise IndexFitError("the vectors for the index are of mixed width or not finite.")
        self._index.add_with_ids(vectors, np.ascontiguousarray(part.ids, dtype=np.int64))
        self._norm = max(self._norm, float(np.linalg.norm(vectors, axis=1).max(initial=0)))
        self._table.append(np.stack([part.ids, part.digests], axis=1))

    def write(self, folder: Path) -> SpaceManifest | None:
        """Write the space; None where no vector was added.

        Raises
        ------
        IndexFitError : a report was added twice. StorageError : not everything was written.
        """
        if self._index is None or not self._index.ntotal:
            return None
        table = np.concatenate(self._table)
        if len(np.unique(table[:, 0])) != len(table):
            raise IndexFitError("a report was given to the index twice.")
        file, digests = folder / f"{self.name}.faiss", folder / f"{self.name}.npy"
        np.save(digests, table, allow_pickle=False)
        publish.settle(digests)
        faiss.write_index(self._index, str(file))
        publish.settle(file)
        count, dim = self._index.ntotal, self._index.d
        if not plausible_size(file, count, dim):  # FAISS does not report every short write
            raise StorageError("the index could not be written completely; is the disk full?")
        return SpaceManifest(count, dim, self._norm, publish.sha256(file), publish.sha256(digests))
