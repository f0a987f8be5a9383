"""Findings of a draft in words: what a person reads in place of "negative 0.48". Every writer takes its words from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxrreport.drafts import Finding
from cxrreport.findings import CHANGED, FINDINGS, NAMES, NO_FINDING, URGENCY, Change, State, Tier, percent, tier

STATES = {
    State.POSITIVE: "present",
    State.NEGATIVE: "no sign of it",
    State.UNCERTAIN: "cannot be decided",
    State.BLANK: "not judged",
}
# behind a table that tells of the prior: a finding that its report calls and its film hardly shows stands as "present (4 %)"
OF_THE_PRIOR = (
    "Of the prior the state is what its signed report and its draft have together, the number what the films show."
)


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as it is told.

    Attributes
    ----------
    name : what a reader calls it. now, before : in words; `before` is "" without a prior. change : "" where there is none.
    tier : how soon somebody has to act on it if it is there.
    """

    row: Finding
    name: str
    now: str
    before: str
    change: str
    tier: Tier

    @property
    def is_changed(self) -> bool:
        """Something is not as it was on the prior."""
        return self.row.change in CHANGED


def likely(word: str, probability: float | None) -> str:
    """A word and how likely it is ("new (62 %)"); "" where nothing is said."""
    return f"{word} ({percent(probability)})" if word and probability is not None else word


def view_findings(rows: Sequence[Finding]) -> tuple[FindingView, ...]:
    """The findings in words, what cannot wait first; "no finding", which sums up the others, is none of them."""
    order = {finding: place for place, finding in enumerate(URGENCY)}
    told = (row for row in rows if row.finding != FINDINGS[NO_FINDING])
    return tuple(_view(row) for row in sorted(told, key=lambda row: order.get(row.finding, len(order))))


def _view(row: Finding) -> FindingView:
    before = STATES[row.prior_state] if row.prior_state else ""
    change = "" if row.change in (None, Change.ABSENT) else str(row.change)
    return FindingView(row, NAMES.get(row.finding, row.finding), STATES[row.state], before, change, tier(row.finding))
