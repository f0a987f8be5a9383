"""Whether all are served alike: the same scores by sex, age, view and collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cxrreport.evaluation.films import Judged, drawn_share, false_alarms, mean_area
from cxrreport.findings import NO_FINDING, PATHOLOGY

SMALL = 50  # films; groups that are smaller are one
_FEW = 5  # positives of each group that compare it with the others in a finding
_BANDS = ((18, "under 18"), (40, "18 to 39"), (60, "40 to 59"), (80, "60 to 79"), (np.inf, "80 and over"))
UNKNOWN = "unknown"


def age_band(age: float | None) -> str:
    """The band of an age in years."""
    return UNKNOWN if age is None else next(name for end, name in _BANDS if age < end)


def subgroup_rows(films: Judged, groups: Mapping[str, Sequence[str]], seed: int) -> list[dict[str, Any]]:
    """A row for each group of each kind ("sex", …), groups (n,) by kind.

    mean_auc : over the findings of which every group of 50 films of the kind has five positives and five films without, so
        that the groups can be compared; None where there is no such finding, and of what is still smaller.
    false_alarms : of the films without a finding; missed : of the findings that are there the share that is not called.
    """
    return [row for kind, names in groups.items() for row in _rows(films, kind, np.array(pooled(names)), seed)]


def pooled(names: Sequence[str]) -> list[str]:
    """The same names where groups of less than 50 films are one, which is called by all their names."""
    count = Counter(names)
    small = sorted(name for name in count if count[name] < SMALL)
    return [", ".join(small) if name in small else name for name in names]


def _rows(films: Judged, kind: str, names: np.ndarray, seed: int) -> Iterator[dict[str, Any]]:
    parts = {name: films.take(names == name) for name in sorted(set(names.tolist()))}
    large = [part for part in parts.values() if len(part) >= SMALL]
    alike = [i for i in range(NO_FINDING) if all(_compares(part, i) for part in large)] if large else []
    for name, part in parts.items():
        draws = part.draws(seed)
        yield {
            "by": kind,
            "group": name,
            "films": len(part),
            "patients": len(set(part.patients.tolist())),
            "mean_auc": mean_area(part, alike if len(part) >= SMALL else [], draws),
            "false_alarms": false_alarms(part, draws),
            "missed": _missed(part, draws),
        }


def _compares(films: Judged, finding: int) -> bool:
    positive = films.positive[films.known[:, finding], finding]
    return bool(min(positive.sum(), (~positive).sum()) >= _FEW)


def _missed(films: Judged, draws: np.ndarray) -> dict[str, Any]:
    there = (films.positive & films.known)[:, PATHOLOGY]
    missed = there & ~films.called[:, PATHOLOGY]
    return {"positives": int(there.sum()), **drawn_share(missed.sum(1), there.sum(1), draws)}
