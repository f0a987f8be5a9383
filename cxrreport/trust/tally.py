"""How often drafts and signed reports tell a finding alike: counts, shares and their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cxrreport.findings import CHANGED, Change, State
from cxrreport.store.judged import Agreed, Counted, Judged
from cxrreport.trust.policy import GATED

_Z = 1.959964  # of a two-sided 95 % interval
_MORE = (Change.NEW, Change.WORSENED)


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`, with the ends of the 95 % interval; share, low and high are None where `of` is 0."""

    hits: int
    of: int

    @property
    def share(self) -> float | None:
        """Observed share."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Score interval (Wilson, JASA 1927): it keeps its level for small numbers and for shares near 0 and 1."""
        if not self.of:
            return None
        share, n, z2 = self.hits / self.of, self.of, _Z**2
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(slots=True)
class Cells:
    """Studies by what draft and signed report tell of one finding: both, the draft alone, the report alone, neither.

    A study of which the report is uncertain is in no cell, nor is a doubt of the draft a call.
    """

    both: int = 0
    drafted: int = 0
    signed: int = 0
    neither: int = 0

    def add(self, *, drafted: bool, signed: bool, studies: int = 1) -> None:
        """Count studies that are alike."""
        if drafted and signed:
            self.both += studies
        elif drafted:
            self.drafted += studies
        elif signed:
            self.signed += studies
        else:
            self.neither += studies

    @property
    def told(self) -> int:
        """Studies in which either tells it."""
        return self.both + self.drafted + self.signed

    @property
    def precision(self) -> Share:
        """Of what drafts tell, what the report tells too."""
        return Share(self.both, self.both + self.drafted)

    @property
    def sensitivity(self) -> Share:
        """Of what reports tell, what the draft tells too."""
        return Share(self.both, self.both + self.signed)

    @property
    def specificity(self) -> Share:
        """Of the reports that do not tell it, the drafts that do not either."""
        return Share(self.neither, self.neither + self.drafted)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and sensitivity."""
        return 2 * self.both / (self.both + self.told) if self.told else None

    @property
    def f1_interval(self) -> tuple[float, float] | None:
        """95 % interval of F1 = 2p / (1 + p), where p is the share of `both` of the studies in which either tells it.

        F1 grows with p, so that the ends of the score interval of p are those of F1.
        """
        ends = Share(self.both, self.told).interval
        return ends and (2 * ends[0] / (1 + ends[0]), 2 * ends[1] / (1 + ends[1]))

    def join(self, other: Cells) -> None:
        """Add the studies of others."""
        for name in Cells.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


Tally = dict[tuple[str, str], Cells]  # by finding and subject: "state" or "change"


def tally(drafts: Iterable[Judged]) -> Tally:
    """Count every finding and every change of all drafts."""
    found = {(finding, subject): Cells() for finding in GATED for subject in ("state", "change")}
    for draft in drafts:
        count(found, draft)
    return found


def count(found: Tally, draft: Judged) -> None:
    """Count one draft. A change counts where there is a prior and draft or report can tell: more, less, or neither."""
    rows = {row.finding: row for row in draft.findings if not row.name}
    for finding in GATED:
        count_row(found, finding, rows.get(finding), draft.has_prior)


def count_row(found: Tally, finding: str, row: Agreed | Counted | None, has_prior: bool, studies: int = 1) -> None:
    """Count one finding of so many drafts that are alike in it; None where neither side tells it."""
    if row is None:
        found[finding, "state"].add(drafted=False, signed=False, studies=studies)
    elif row.signed is not State.UNCERTAIN:
        told = row.drafted is State.POSITIVE, row.signed is State.POSITIVE
        found[finding, "state"].add(drafted=told[0], signed=told[1], studies=studies)
    if has_prior:
        _count_change(found[finding, "change"], row, studies)


def _count_change(cells: Cells, row: Agreed | Counted | None, studies: int) -> None:
    drafted, signed = (_way(row.drafted_change), _way(row.signed_change)) if row else (None, None)
    if drafted and signed and drafted != signed:  # the opposite: told in vain, and what is true is missed
        cells.add(drafted=True, signed=False, studies=studies)
        cells.add(drafted=False, signed=True, studies=studies)
    else:
        cells.add(drafted=drafted is not None, signed=signed is not None, studies=studies)


def _way(change: Change | None) -> str | None:
    """Whether there is more or less of it; None where it is as it was, or nothing is told."""
    if change not in CHANGED:
        return None
    return "more" if change in _MORE else "less"
