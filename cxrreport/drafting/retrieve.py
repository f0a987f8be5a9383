"""Similar reports for a study that is not to see itself, its patient, or the future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport.drafts import Reference
from cxrreport.model.revtaf.hyperbolic import distance_of
from cxrreport.records import Study
from cxrreport.retrieval.build import Index
from cxrreport.retrieval.fusion import RETRIEVERS, Ranked, fuse
from cxrreport.store import reports
from cxrreport.store.retry import transact

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
        # what it can do, whatever it was asked for
        self.name = next((known for known, spaces in RETRIEVERS.items() if spaces == self._spaces), "")

    @property
    def index_version(self) -> str:
        """The version searched, "" where retrieval is switched off."""
        return self._index.manifest.version if self._index else ""

    def retrieve(self, studies: Sequence[Study], queries: Queries) -> list[Retrieved]:
        """Nearest allowed reports of each study."""
        if self._index is None:
            return [self._gather([], {}) for _ in studies]
        # ranks are fused beyond what is kept: what is second in both lists can be better than the first of one
        wanted = self._count * len(self._spaces)
        spaces = {name: self._index.spaces[name] for name in self._spaces}

        def look(s: Session) -> tuple[list[Ranked], dict[int, str]]:
            lists = [self._search(s, space, studies, queries[name], wanted) for name, space in spaces.items()]
            fused = [fuse([ranked[row] for ranked in lists])[: self._count] for row in range(len(studies))]
            return fused, reports.findings_of(s, {report_id for ranked in fused for report_id, _ in ranked})

        fused, findings = transact(self._engine, look, read_only=True)
        return [self._gather(ranked, findings) for ranked in fused]

    def _gather(self, ranked: Ranked, findings: Mapping[int, str]) -> Retrieved:
        """What there is of the reports of one study; REVTAF's space is scored by the distance."""
        vectors = np.zeros((self._count, self._dimension), np.float32)
        if ranked and self._index is not None:
            ids, scores = zip(*ranked, strict=True)
            vectors[: len(ids)] = self._index.text.vectors(np.array(ids, np.int64))
            if self.name == "hyperbolic":
                ranked = list(zip(ids, (-distance_of(np.array(scores, np.float32))).tolist(), strict=True))
        texts = [findings[report_id] for report_id, _ in ranked if report_id in findings]
        return Retrieved(ranked, texts, vectors, np.arange(self._count) < len(ranked))

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


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The reports of one study, the best first: ids with scores, and their findings.

    vectors : (N, d) of their texts, 0 beyond the last. mask : (N,), False beyond the last.
    """

    ranked: Ranked
    texts: list[str]
    vectors: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]

    def references(self, weights: Sequence[float]) -> tuple[Reference, ...]:
        """References of a draft, with the weight that the network gave each."""
        rows = zip(self.ranked, weights, strict=False)  # weights of those that were not found are 0
        return tuple(Reference(rank, i, score, weight) for rank, ((i, score), weight) in enumerate(rows, start=1))
