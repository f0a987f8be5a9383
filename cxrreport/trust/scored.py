"""Scores of films beside what is known of them: what a calibration is fitted to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrreport.model.calibration import group_of
from cxrreport.records import View

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scored:
    """n films of one collection.

    scores (n, 14) 0..1, as the network gives them; positive (n, 14); known (n, 14): elsewhere `positive` means nothing;
    views (n,); patients (n,): who a film is of.
    """

    name: str
    scores: Floats
    positive: Bools
    known: Bools
    views: Sequence[View | None]
    patients: Sequence[str]

    @property
    def groups(self) -> npt.NDArray[np.str_]:
        """(n,) of `GROUPS`."""
        return np.array([group_of(view) for view in self.views], str)

    def take(self, rows: Bools) -> Scored:
        """Some of the films."""
        picked = np.flatnonzero(rows).tolist()
        return Scored(
            self.name, self.scores[rows], self.positive[rows], self.known[rows],
            [self.views[i] for i in picked], [self.patients[i] for i in picked],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labelled:
    """One finding in n films whose labels tell of it: scores (n,), positive (n,), weights (n,)."""

    scores: Floats
    positive: Bools
    weights: Floats


def labelled(collections: Sequence[Scored], finding: int, group: str | None = None) -> Labelled:
    """One finding in several collections, which count alike however large they are; only films of `group` if one is named."""
    parts = list(_parts(collections, finding, group))
    most = max((len(scores) for scores, _ in parts), default=0)
    weights = [np.full(len(scores), most / max(len(scores), 1)) for scores, _ in parts]
    empty = np.zeros(0)
    return Labelled(
        np.concatenate([empty, *(scores for scores, _ in parts)]),
        np.concatenate([empty.astype(bool), *(positive for _, positive in parts)]),
        np.concatenate([empty, *weights]),
    )


def _parts(collections: Sequence[Scored], finding: int, group: str | None) -> Iterator[tuple[Floats, Bools]]:
    for one in collections:
        rows = one.known[:, finding] & (one.groups == group if group else True)
        if rows.any():
            yield one.scores[rows, finding], one.positive[rows, finding]
