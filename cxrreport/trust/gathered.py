"""Counts over judged drafts, for a report. What they hold does not grow with the number of drafts."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cxrreport.drafts import PRIORITIES, ReviewStatus
from cxrreport.evaluation.reliability import Bins
from cxrreport.findings import THERE, State
from cxrreport.mistakes import Dimension, Verdict
from cxrreport.store.judged import Agreed, Judged
from cxrreport.trust.policy import GATED
from cxrreport.trust.tally import Tally, count, tally

WORST = 20
REJECTED = 50
DRAWS = 200
_LIKE = (Verdict.CORRECT, Verdict.PARTIAL, Verdict.WRONG)
Floats = npt.NDArray[np.float64]


@dataclass
class Group:
    """Counts of some drafts.

    abstained : drafts that readers do not get, by code. beside : studies in which draft and report both tell a finding in
    words; of them `differ` in a dimension, the one that weighs most. tiers : actionable errors. drawn (3, 200) : studies,
    errors and edits of a bootstrap over patients.
    """

    studies: int = 0
    shadow: int = 0
    errors: int = 0
    edits: float = 0.0
    abstained: Counter[str] = field(default_factory=Counter)
    cells: Tally = field(default_factory=lambda: tally(()))
    beside: Counter[str] = field(default_factory=Counter)
    differ: Counter[tuple[str, str]] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    drawn: Floats = field(default_factory=lambda: np.zeros((3, DRAWS)))

    def add(self, one: Judged, times: npt.NDArray[np.int64]) -> None:
        """Count one draft. times (200,) : how often each draw takes its patient."""
        count(self.cells, one)
        self.studies += 1
        self.shadow += one.shadow
        self.abstained.update([one.abstained] if one.abstained else [])
        self.errors += one.errors
        self.edits += one.edits
        self.drawn += times * np.array([[1.0], [one.errors], [one.edits]])
        self.tiers.update(row.tier for row in one.findings if row.mistake.changes_what_is_done)
        for row in one.findings:
            if _both_tell(row, one):
                self.beside[row.finding] += 1
                self.differ[row.finding, row.dimension] += 1

    def join(self, other: Group) -> None:
        """Add the drafts of another group."""
        self.studies += other.studies
        self.shadow += other.shadow
        self.errors += other.errors
        self.edits += other.edits
        self.drawn += other.drawn
        for name in ("abstained", "beside", "differ", "tiers"):
            getattr(self, name).update(getattr(other, name))
        for key, cells in other.cells.items():
            self.cells[key].join(cells)

    @property
    def errors_interval(self) -> tuple[float, float] | None:
        """95 % interval of the errors a study; where there is none no draw has one, and the exact end of a Poisson holds."""
        if self.studies and not self.errors:
            return 0.0, -math.log(0.025) / self.studies
        return self._ends(self.drawn[1])

    @property
    def edits_interval(self) -> tuple[float, float] | None:
        """95 % interval of the share of words that were not as signed."""
        return self._ends(self.drawn[2])

    def _ends(self, sums: Floats) -> tuple[float, float] | None:
        drawn = self.drawn[0] > 0
        if not drawn.any():
            return None
        low, high = np.quantile(sums[drawn] / self.drawn[0][drawn], (0.025, 0.975)).tolist()
        return low, high


def draws_of(patient_id: int) -> npt.NDArray[np.int64]:
    """(200,) How often each draw takes a patient, with all studies: Poisson of mean 1, so that drafts need not be kept
    (Chamandy et al., Estimating uncertainty for massive data streams, 2012)."""
    return np.random.default_rng(patient_id).poisson(1, DRAWS)


def _both_tell(row: Agreed, draft: Judged) -> bool:
    """Both tell it to be there, in words that were compared."""
    there = row.drafted in THERE and row.signed in THERE
    compared = row.verdict in _LIKE and row.dimension not in (Dimension.STATE, Dimension.NAME)
    return row.finding in GATED and there and compared and row.finding not in draft.withheld


def joined(groups: Iterable[Group]) -> Group:
    """All drafts of some groups."""
    whole = Group()
    for one in groups:
        whole.join(one)
    return whole


@dataclass
class Gathered:
    """Counts of all drafts: by the groups that are asked for, by month, and by the calibration and the version of the index
    that made them; how likely findings were; the newest rejections and the worst drafts, the worst last."""

    group: Callable[[Judged], str]
    groups: dict[str, Group] = field(default_factory=dict)
    months: dict[str, Group] = field(default_factory=dict)
    calibrations: Counter[str | None] = field(default_factory=Counter)
    indexes: Counter[str] = field(default_factory=Counter)
    likely: dict[str, Bins] = field(default_factory=lambda: {finding: Bins() for finding in GATED})
    reviews: Counter[str] = field(default_factory=Counter)
    rejected: deque[Judged] = field(default_factory=lambda: deque(maxlen=REJECTED))
    heap: list[tuple[tuple[float, ...], int, Judged]] = field(default_factory=list)

    def add(self, one: Judged) -> None:
        """Count one draft; they come by id."""
        times = draws_of(one.patient_id)
        self.groups.setdefault(self.group(one), Group()).add(one, times)
        self.months.setdefault(f"{one.at:%Y-%m}", Group()).add(one, times)
        self.calibrations[one.calibration_sha256] += 1
        self.indexes[one.index_version] += 1
        self._add_probabilities(one)
        self._add_review(one)
        if one.errors:
            push = heapq.heappush if len(self.heap) < WORST else heapq.heappushpop
            push(self.heap, (_weight(one), one.draft_id, one))

    def _add_probabilities(self, one: Judged) -> None:
        signed = {row.finding: row.signed for row in one.findings if not row.name}
        for finding, bins in self.likely.items():
            state = signed.get(finding, State.BLANK)
            if finding in one.probabilities and state is not State.UNCERTAIN:
                bins.add(one.probabilities[finding], state is State.POSITIVE)

    def _add_review(self, one: Judged) -> None:
        if one.review:
            self.reviews[one.review] += 1
        if one.review is ReviewStatus.REJECTED and one.comment:
            self.rejected.append(one)

    @property
    def worst(self) -> list[Judged]:
        """The worst drafts first."""
        return [one for *_, one in sorted(self.heap, key=lambda row: row[:2], reverse=True)]


def _weight(one: Judged) -> tuple[float, ...]:
    """What weighs most comes first: errors of each tier, the soonest first, then words."""
    tiers = Counter(row.tier for row in one.findings if row.mistake.changes_what_is_done)
    return (*(tiers[tier] for tier in PRIORITIES), one.edits)
