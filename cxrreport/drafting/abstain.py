"""Whether readers get a draft at all: not of films unlike any that the weights know or too poor, nor where the network is
undecided. Such a draft is made and stored, so that it can be judged beside what is signed, and not shown.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cxrreport.codes import Abstained
from cxrreport.drafts import PRIORITIES, Finding
from cxrreport.findings import PATHOLOGIES

_LATEST = "notable"  # of what nothing is known nobody can say that it may wait


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on the tool abstains: `distance` of the films, `doubt` of the table, `flags` of poor films."""

    distance: float
    doubt: float
    flags: Collection[str]

    def reason(self, distance: float | None, flags: Collection[str], doubt: float | None) -> str:
        """Code of why readers get no text; "" where they get one. What is None nobody can tell, and it is no reason."""
        if any(flag in self.flags for flag in flags):
            return Abstained.QUALITY
        if distance is not None and distance > self.distance:
            return Abstained.UNUSUAL
        return Abstained.DOUBT if doubt is not None and doubt > self.doubt else ""


def doubt(rows: Sequence[Finding]) -> float:
    """How many findings a table may be expected to have wrong, were each called as is likelier by its own probability.

    How far beams contradict the table orders no errors: they are written from its states (docs/trust.md has the figures).
    """
    return sum(min(row.probability, 1 - row.probability) for row in rows if row.finding in PATHOLOGIES)


def waiting(priority: str, reason: str) -> tuple[str, str]:
    """Priority of a study of which readers get no text, and why: its own one, but not the last, since nothing is known.

    What the table saw is not told.
    """
    return min(priority, _LATEST, key=PRIORITIES.index), f"not drafted: {Abstained(reason).sentence}"
