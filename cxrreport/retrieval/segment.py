"""Segments: files of vectors that are written once, row by row, and shared by the versions of an index from then on.

`<space>-<number>.vectors.npy` holds the vectors (n, d) and `.rows.npy` report id and digest of what was embedded (n, 2),
row by row. Rows that no longer hold are named in `.gone.npy`, which each version has for itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from cxrreport.errors import IndexFitError
from cxrreport.retrieval import publish
from cxrreport.retrieval.versions import REBUILD, SegmentManifest, segment_file

# whole blocks of the archive by BLAS, for few queries too: FAISS' own loop takes 2 to 4 times as long (benchmarks.retrieval)
faiss.cvar.distance_compute_blas_threshold = 1
faiss.cvar.distance_compute_blas_database_bs = 65_536

CHUNK = 16_384  # rows that are copied at a time

Flags = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """Some vectors of one space: report ids (n,), digests of what was embedded (n,), and vectors (n, d)."""

    ids: Ids
    digests: Ids
    vectors: Vectors


class Segment:
    """A verified segment: its pages are mapped, shared between processes, and read as they are needed.

    alive : (n,), False for the rows that no longer hold.
    """

    def __init__(self, folder: Path, manifest: SegmentManifest, dim: int) -> None:
        self.folder, self.manifest = folder, manifest
        self.vectors: Vectors = _load(folder / segment_file(manifest, "vectors"))
        self._table: Ids = _load(folder / segment_file(manifest, "rows"))
        self.alive: Flags = np.ones(manifest.count, bool)
        if self.vectors.shape != (manifest.count, dim) or self._table.shape != (manifest.count, 2):
            raise IndexFitError(f"the index file and its manifest do not fit together; {REBUILD}.")
        if manifest.gone:
            self.alive[_load(folder / segment_file(manifest, "gone"))] = False

    @property
    def ids(self) -> Ids:
        """Report ids (n,), those of rows that no longer hold among them."""
        return self._table[:, 0]

    @property
    def digests(self) -> Ids:
        """Digests of what was embedded (n,)."""
        return self._table[:, 1]

    def nearest(self, queries: Vectors, count: int) -> tuple[Vectors, Ids]:
        """Inner products (B, count), best first, and their rows; those that no longer hold are among them."""
        scores, rows = faiss.knn(queries, self.vectors, count, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, rows

    def parts(self, alive: Flags) -> Iterator[Part]:
        """The rows that are alive, some at a time."""
        for start in range(0, len(alive), CHUNK):
            rows = start + np.flatnonzero(alive[start : start + CHUNK])
            yield Part(self.ids[rows], self.digests[rows], self.vectors[rows])

    def link(self, folder: Path, alive: Flags) -> SegmentManifest:
        """Share the segment with the version in `folder`, of which only these rows are alive."""
        for kind in ("vectors", "rows", "near")[: 3 if self.manifest.near_sha256 else 2]:
            name = segment_file(self.manifest, kind)
            _link(self.folder / name, folder / name)
        gone = np.flatnonzero(~alive)
        if not len(gone):
            return replace(self.manifest, gone=0, gone_sha256="")
        file = folder / segment_file(self.manifest, "gone")
        np.save(file, gone, allow_pickle=False)
        publish.settle(file)
        return replace(self.manifest, gone=len(gone), gone_sha256=publish.sha256(file))


def _load(path: Path) -> Any:
    """A file of rows, mapped, as a plain array.

    Raises
    ------
    IndexFitError : it holds no rows of numbers.
    """
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:
        raise IndexFitError(f"the index file and its manifest do not fit together; {REBUILD}.") from None


def _link(source: Path, target: Path) -> None:
    """Give a finished file a second name; where the file system knows no such names, a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        publish.settle(target)


class SegmentWriter:
    """Writes the vectors of one segment to the disk as they come; none of them is held."""

    def __init__(self, folder: Path, space: str, number: int, dim: int) -> None:
        self._folder, self._facts = folder, SegmentManifest(space, number, 0, "", "")
        self._vectors = _Rows(folder / segment_file(self._facts, "vectors"), np.dtype(np.float32), dim)
        self._table = _Rows(folder / segment_file(self._facts, "rows"), np.dtype(np.int64), 2)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._table.count

    def add(self, part: Part) -> None:
        """Write some more rows."""
        self._vectors.add(part.vectors)
        self._table.add(np.stack([part.ids, part.digests], axis=1))

    def close(self) -> SegmentManifest:
        """Bring the files to the disk and tell their digests."""
        sums = [rows.close() for rows in (self._vectors, self._table)]
        return replace(self._facts, count=self.count, sha256=sums[0], rows_sha256=sums[1])


class _Rows:
    """A file of NumPy's format that grows row by row: its header has room for any number of rows (NEP 1, since NumPy 1.24)."""

    def __init__(self, path: Path, dtype: np.dtype[Any], width: int) -> None:
        self._path, self._dtype, self._width, self.count = path, dtype, width, 0
        self._file = path.open("xb")
        self._write_header()

    def add(self, rows: npt.NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
        self.count += len(rows)

    def close(self) -> str:
        self._file.seek(0)
        self._write_header()
        self._file.close()
        publish.settle(self._path)
        return publish.sha256(self._path)

    def _write_header(self) -> None:
        facts = {"descr": self._dtype.str, "fortran_order": False, "shape": (self.count, self._width)}
        np.lib.format.write_array_header_1_0(self._file, facts)
