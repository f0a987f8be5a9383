"""Vectors of reports in one space: searched exactly over all its segments, and written by keeping what has not changed."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrreport.errors import IndexFitError, ModelOutputError
from cxrreport.retrieval.approximate import Near, candidates
from cxrreport.retrieval.segment import Flags, Ids, Part, Segment, SegmentWriter, Vectors
from cxrreport.retrieval.versions import REBUILD, SegmentManifest, SpaceManifest, segment_file

# FAISS' sums differ in the last bits from batch to batch, in proportion to the lengths of query and vector; candidates
# this close are compared exactly
_TIE = 1e-5

FULL = 1 << 20  # rows of a segment at most: what an erasure writes anew
# a segment is written anew together with newer rows that are at least 1 / _GROWTH as many: so there are few
_GROWTH = 2
_DEEP = 256  # reports beyond which search is exact: lists are made for the first few
_WORN = 0.2  # or where more of its rows than this share no longer hold


class Space:
    """A verified space, ready to be searched. Tables of its ids are made when they are first asked for."""

    def __init__(self, folder: Path, name: str, manifest: SpaceManifest) -> None:
        self.manifest, self.name = manifest, name
        self.segments = [Segment(folder, segment, manifest.dim) for segment in manifest.segments]
        self._starts = np.cumsum([0, *(len(segment.alive) for segment in self.segments)])
        if sum(int(segment.alive.sum()) for segment in self.segments) != manifest.count:
            raise IndexFitError(f"the index file and its manifest do not fit together; {REBUILD}.")
        self._tie = _TIE * max(1.0, manifest.norm)
        self._near = {
            segment: Near(folder / segment_file(segment.manifest, "near"), segment.manifest.probes)
            for segment in self.segments
            if segment.manifest.near_sha256
        }

    @cached_property
    def ids(self) -> Ids:
        """Ids of the reports that it holds (count,), in order."""
        return np.concatenate([segment.ids for segment in self.segments])[self._order]

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        """Places of the `ids` (count,)."""
        ids: Ids = np.concatenate([segment.ids for segment in self.segments])
        alive = np.flatnonzero(np.concatenate([segment.alive for segment in self.segments]))
        return alive[np.argsort(ids[alive])]

    @property
    def digests(self) -> Ids:
        """Digests of what was embedded of each of the `ids` (count,)."""
        return np.concatenate([segment.digests for segment in self.segments])[self._order]

    def search(self, queries: Vectors, count: int) -> tuple[Vectors, Ids]:
        """Find the `count` nearest reports of each query by inner product: exactly, but in segments with lists.

        These are searched approximately for up to 256 reports; scores are exact in any case.

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
        found = [self._candidates(segment, queries, count) for segment in self.segments]
        for row, query in enumerate(queries):
            places = np.concatenate([start + rows[row] for start, rows in zip(self._starts, found)])
            named = np.concatenate([one.ids[rows[row]] for one, rows in zip(self.segments, found, strict=True)])
            exact = (self._vectors(places).astype(np.float64) * query).sum(axis=1).astype(np.float32)
            order = np.lexsort((named, -exact))[:count]
            scores[row, : len(order)], ids[row, : len(order)] = exact[order], named[order]
        return scores, ids

    def vectors(self, ids: Ids) -> Vectors:
        """Return the vectors (n, dim) of report ids that are in the space."""
        return self._vectors(self._order[np.searchsorted(self.ids, ids)])

    def _vectors(self, places: npt.NDArray[np.intp]) -> Vectors:
        vectors = np.zeros((len(places), self.manifest.dim), np.float32)
        of = np.searchsorted(self._starts, places, side="right") - 1
        for number in np.unique(of):
            here = of == number
            vectors[here] = self.segments[number].vectors[places[here] - self._starts[number]]
        return vectors

    def _candidates(self, segment: Segment, queries: Vectors, count: int) -> list[npt.NDArray[np.intp]]:
        """Rows that can be among the best `count` of each query, by the lists of the segment where they hold so many."""
        near = self._near.get(segment) if count <= _DEEP else None
        if near is None:
            return self._exact_candidates(segment, queries, count)
        found = [near.rows(query, candidates(count)) for query in queries]
        found = [rows[segment.alive[rows]] for rows in found]
        few = [row for row, rows in enumerate(found) if len(rows) < count]
        for row, rows in zip(few, self._exact_candidates(segment, queries[few], count), strict=True):
            found[row] = rows
        return found

    def _exact_candidates(self, segment: Segment, queries: Vectors, count: int) -> list[npt.NDArray[np.intp]]:
        """Rows that can be among the best `count` of each query, all ties at the edge included."""
        size, wanted = len(segment.alive), count + 32
        tie = self._tie * np.maximum(1, np.linalg.norm(queries, axis=1))
        while len(queries):
            wanted = min(size, wanted)
            scores, rows = segment.nearest(queries, wanted)
            alive = segment.alive[rows]
            # the place of the last that is wanted, or the end where so many are not alive
            edge = np.minimum((np.cumsum(alive, axis=1) < count).sum(axis=1), wanted - 1)
            deep = scores[:, -1] < np.take_along_axis(scores, edge[:, None], axis=1)[:, 0] - tie
            if wanted == size or bool(deep.all()):
                return [found[mask] for found, mask in zip(rows, alive, strict=True)]
            wanted *= 4
        return []


class SpaceWriter:
    """Writes one space of a new version: what it `kept` of the serving one, without some reports, and what is added.

    gone : ids of reports of which `kept` no longer holds. erase : no file of the version may hold a trace of them.
    """

    def __init__(self, folder: Path, name: str, kept: Space | None, gone: Collection[int] | Ids, erase: bool) -> None:
        self._folder, self._name, self._kept, self._erase = folder, name, kept, erase
        self._gone = np.asarray(gone, np.int64)
        self._dim = kept.manifest.dim if kept else 0
        self._norm = kept.manifest.norm if kept else 0.0
        self._next = 1 + max((s.number for s in kept.manifest.segments), default=-1) if kept else 0
        self._ids: list[Ids] = []
        self._open: SegmentWriter | None = None
        self._written: list[SegmentManifest] = []

    def add(self, part: Part) -> None:
        """Take vectors in; one of a report that was kept takes the place of the one before.

        Raises
        ------
        IndexFitError : they are of another width than those before, or not finite.
        """
        vectors = part.vectors
        self._dim = self._dim or vectors.shape[-1]
        if vectors.ndim != 2 or vectors.shape != (len(part.ids), self._dim) or not np.isfinite(vectors).all():
            raise IndexFitError("the vectors for the index are of mixed width or not finite.")
        self._norm = max(self._norm, float(np.linalg.norm(vectors, axis=1).max(initial=0)))
        self._ids.append(part.ids)
        self._append(part)

    def close(self) -> SpaceManifest | None:
        """Write what remains; None where nothing does.

        Raises
        ------
        IndexFitError : a report was added twice.
        """
        added = np.concatenate([np.zeros(0, np.int64), *self._ids])
        if len(np.unique(added)) != len(added):
            raise IndexFitError("a report was given to the index twice.")
        segments, alive = self._kept.segments if self._kept else [], {}
        for segment in segments:
            alive[segment.manifest.number] = (
                segment.alive & ~np.isin(segment.ids, self._gone) & ~np.isin(segment.ids, added)
            )
        anew = self._to_write_anew(segments, alive, len(added))
        for segment in segments:
            if segment.manifest.number in anew:
                for part in segment.parts(alive[segment.manifest.number]):
                    self._append(part)
        linked = [s.link(self._folder, alive[s.manifest.number]) for s in segments if s.manifest.number not in anew]
        self._finish()
        found = (*linked, *self._written)
        return SpaceManifest(sum(s.count - s.gone for s in found), self._dim, self._norm, found) if found else None

    def _to_write_anew(self, segments: list[Segment], alive: dict[int, Flags], added: int) -> set[int]:
        """Numbers of segments that are not taken over as they are: worn, to be erased from, or small beside what is new."""
        left = {number: int(rows.sum()) for number, rows in alive.items()}
        anew = {s.manifest.number for s in segments if self._is_worn(s, left[s.manifest.number])}
        size = added + sum(left[number] for number in anew)
        for number, count in sorted(left.items(), key=lambda item: item[1]):
            if number not in anew and count <= _GROWTH * size and count < FULL * (1 - _WORN):
                anew.add(number)
                size += count
        return anew

    def _is_worn(self, segment: Segment, left: int) -> bool:
        erased = self._erase and bool(np.isin(segment.ids, self._gone).any())
        return erased or left < (1 - _WORN) * len(segment.alive)

    def _append(self, part: Part) -> None:
        """Write rows to the segment that is open; one that is full is finished."""
        start = 0
        while start < len(part.ids):
            if self._open is None:
                self._open = SegmentWriter(self._folder, self._name, self._next + len(self._written), self._dim)
            stop = start + FULL - self._open.count
            self._open.add(Part(part.ids[start:stop], part.digests[start:stop], part.vectors[start:stop]))
            start = stop
            if self._open.count == FULL:
                self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            self._written.append(self._open.close())
            self._open = None
