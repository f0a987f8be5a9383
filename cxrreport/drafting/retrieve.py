"""Similar reports for a study that is not to see itself, its patient, or the future (model.md §1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport.model.hyperbolic import distance_of
from cxrreport.records import Reference, Study
from cxrreport.retrieval.build import Index
from cxrreport.retrieval.fusion import RETRIEVERS, Ranked, fuse
from cxrreport.store import reports
from cxrreport.store.engine import session

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from cxrreport.retrieval.index import Space

_DEEPEST = 4096  # reports looked at for one study; an old study in a new archive has few that are earlier
Queries = Mapping[str, npt.NDArray[np.float32]]  # space -> one query a study (B, d)


class Retriever:
    """Searches the spaces of one retriever and keeps what each study may see."""

    def __init__(
        self, engine: Engine, index: Index | None, name: str, count: int, dimension: int, undated: bool
    ) -> None:
        self._engine, self._index, self._count, self._dimension = engine, index, count, dimension
        self._undated = undated
        self._spaces = tuple(space for space in RETRIEVERS[name] if index is not None and space in index.spaces)
        self.name = next(
            (known for known, spaces in RETRIEVERS.items() if spaces == self._spaces), ""
        )  # what it can do

    @property
    def index_version(self) -> str:
        """The version searched, "" where retrieval is switched off."""
        return self._index.manifest.version if self._index else ""

    def retrieve(self, studies: Sequence[Study], queries: Queries) -> Retrieved:
        """Nearest allowed reports of each study."""
        retrieved = Retrieved(len(studies), self._count, self._dimension)
        if self._index is None:
            return retrieved
        # ranks are fused beyond what is kept: what is second in both lists can be better than the first of one
        wanted = self._count * len(self._spaces)
        with session(self._engine, read_only=True) as s:
            lists = [self._search(s, self._index.spaces[name], studies, queries[name], wanted) for name in self._spaces]
        for row in range(len(studies)):
            found = fuse([ranked[row] for ranked in lists])[: self._count]
            if self.name == "hyperbolic":
                far = distance_of(np.array([score for _, score in found], np.float32))
                found = [(i, -d) for (i, _), d in zip(found, far.tolist(), strict=True)]
            retrieved.fill(row, found, self._index)
        with session(self._engine, read_only=True) as s:
            told = reports.findings_of(s, {i for found in retrieved.found for i, _ in found})
        retrieved.texts = [[told[i] for i, _ in found if i in told] for found in retrieved.found]
        return retrieved

    def _search(
        self, s: Session, space: Space, studies: Sequence[Study], queries: npt.NDArray[np.float32], wanted: int
    ) -> list[Ranked]:
        """The first `wanted` allowed reports of one space for each study; a search goes deeper where too few are."""
        found: list[Ranked] = [[] for _ in studies]
        rows = [row for row, query in enumerate(queries) if np.isfinite(query).all()]  # else this study has failed
        depth = wanted * 2
        while rows:
            answers = list(zip(rows, *space.search(queries[rows], depth), strict=True))
            rows = []
            for row, scores, ids in answers:
                present = [int(i) for i in ids if i >= 0]
                allowed = reports.allowed(s, studies[row], present, undated=self._undated)
                found[row] = [(i, float(v)) for i, v in zip(present, scores, strict=False) if i in allowed][:wanted]
                if len(found[row]) < wanted and len(present) == depth and depth < _DEEPEST:
                    rows.append(row)  # a patient with many reports fills the first answer
            depth *= 4
        return found


class Retrieved:
    """ids, scores and texts (lists a study), vectors (B, N, d) of their texts and mask (B, N) of retrieved reports."""

    def __init__(self, batch: int, count: int, dimension: int) -> None:
        self.found: list[Ranked] = [[] for _ in range(batch)]
        self.texts: list[list[str]] = [[] for _ in range(batch)]
        self.vectors = np.zeros((batch, count, dimension), np.float32)
        self.mask = np.zeros((batch, count), bool)

    def fill(self, row: int, found: Ranked, index: Index) -> None:
        """Put the reports of one study in."""
        self.found[row] = found
        if found:
            self.vectors[row, : len(found)] = index.text.vectors(np.array([i for i, _ in found], np.int64))
            self.mask[row, : len(found)] = True

    def references(self, row: int, weights: Sequence[float]) -> tuple[Reference, ...]:
        """References of one study, with the weight that the network gave each."""
        return tuple(
            Reference(rank, report_id, score, weights[rank - 1])
            for rank, (report_id, score) in enumerate(self.found[row], start=1)
        )
