"""Approximate search of large segments: FAISS' inverted lists of vectors in 8 bits, which name candidates for exact products.

Lists are learnt from the vectors themselves, by seed and on one thread. How many are looked into is measured when they are
made, on queries as they will come: images, though the space holds texts. Where even many lists find too little, and where the
index holds no images to ask with, search stays exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from cxrreport.errors import StorageError
from cxrreport.retrieval import publish
from cxrreport.retrieval.segment import CHUNK, Ids, Segment, Vectors
from cxrreport.retrieval.versions import TEXT, SegmentManifest, SpaceManifest, segment_file

LEAST = 1 << 16  # rows of a segment that lists are made of; a smaller one is searched as fast without
DEPTH = 21  # reports that the network reads: what recall is measured at
RECALL = 0.99  # what has to be reached
_ASKED = "image"  # the space whose vectors are what the text space is searched with
_ROWS = 1024  # of a list
_LEARNT = 64  # rows of a list that it is learnt from
_QUERIES = 256  # that recall is measured by
_PROBES = (8, 16, 32, 64, 128, 256)


class Near:
    """The lists of one segment, read as they are needed. probes : how many lists are looked into for a query."""

    def __init__(self, file: Path, probes: int) -> None:
        self._index: Any = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
        self.probes = probes

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self._index.ntotal)

    def rows(self, query: Vectors, count: int) -> Ids:
        """At most `count` rows that are near one query (d,). It is asked alone: its answer is the same in every batch."""
        self._index.nprobe = self.probes
        _, found = self._index.search(query[None], count)
        rows: Ids = found[0][found[0] >= 0]
        return rows


def lists_differ(spaces: Mapping[str, SpaceManifest], exact_up_to: int | None) -> bool:
    """Whether segments of the text space lack lists where it holds more than `exact_up_to` reports, or have some elsewhere."""
    space, asked = spaces.get(TEXT), spaces.get(_ASKED)
    if space is None or exact_up_to is None:
        return False
    if space.count <= exact_up_to:
        return any(segment.near_sha256 for segment in space.segments)
    return asked is not None and asked.dim == space.dim and any(map(_lacks_lists, space.segments))


def _lacks_lists(manifest: SegmentManifest) -> bool:
    return manifest.count >= LEAST and manifest.recall is None


def with_lists(folder: Path, spaces: dict[str, SpaceManifest], exact_up_to: int | None) -> dict[str, SpaceManifest]:
    """Make or drop lists where they differ from what is wanted."""
    if exact_up_to is None or not lists_differ(spaces, exact_up_to):
        return spaces
    space = spaces[TEXT]
    if space.count <= exact_up_to:
        segments = [_without_lists(folder, segment) for segment in space.segments]
    else:
        queries = _queries(folder, spaces[_ASKED])
        segments = [
            _with_lists(folder, segment, queries) if _lacks_lists(segment) else segment for segment in space.segments
        ]
    return {**spaces, TEXT: replace(space, segments=tuple(segments))}


def _without_lists(folder: Path, manifest: SegmentManifest) -> SegmentManifest:
    (folder / segment_file(manifest, "near")).unlink(missing_ok=True)
    return replace(manifest, near_sha256="", probes=0, recall=None)


def _queries(folder: Path, space: SpaceManifest) -> Vectors:
    """Vectors of images, evenly from all over the space."""
    segments = [Segment(folder, segment, space.dim) for segment in space.segments]
    alive = [(segment, row) for segment in segments for row in np.flatnonzero(segment.alive)[:: _step(space.count)]]
    return np.stack([segment.vectors[row] for segment, row in alive[:_QUERIES]])


def _step(count: int) -> int:
    return max(1, count // _QUERIES)


def _with_lists(folder: Path, manifest: SegmentManifest, queries: Vectors) -> SegmentManifest:
    segment = Segment(folder, manifest, queries.shape[1])
    file = folder / segment_file(manifest, "near")
    with _one_thread():
        _make(file, segment.vectors)
    near = Near(file, _PROBES[0])
    if near.count != manifest.count:  # FAISS does not report every short write
        raise StorageError("the index could not be written completely; is the disk full?")
    recall = 0.0
    for near.probes in _PROBES:
        recall = _recall(near, segment, queries)
        if recall >= RECALL:
            publish.settle(file)
            return replace(manifest, near_sha256=publish.sha256(file), probes=near.probes, recall=recall)
    file.unlink()
    return replace(manifest, recall=recall)


def _make(file: Path, vectors: Vectors) -> None:
    lists = len(vectors) // _ROWS
    index: Any = faiss.index_factory(vectors.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:: len(vectors) // (lists * _LEARNT)])
    for start in range(0, len(vectors), CHUNK):
        index.add(vectors[start : start + CHUNK])
    faiss.write_index(index, str(file))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of several threads come in no fixed order."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _recall(near: Near, segment: Segment, queries: Vectors) -> float:
    """Share of the best `DEPTH` that is found: by score, as one of several reports that read alike is as good as another."""
    scores, _ = segment.nearest(queries, DEPTH)
    shares = []
    for query, best in zip(queries, scores, strict=True):
        found = segment.vectors[near.rows(query, candidates(DEPTH))] @ query
        shares.append(min(1.0, float((found >= best[-1] - 1e-5).sum()) / DEPTH))
    return float(np.mean(shares))


def candidates(count: int) -> int:
    """How many rows to ask the lists for: some no longer hold, and 8 bits put some in another order."""
    return 2 * count + 64
