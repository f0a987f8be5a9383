"""Whether readers get a draft at all: not of films unlike any that the weights know or too poor, nor where two parts of the
network say two things. Such a draft is made and stored, so that it can be judged beside what is signed, and not shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cxrreport.codes import Abstained
from cxrreport.drafts import PRIORITIES, Finding
from cxrreport.findings import PATHOLOGIES, State

_LATEST = "notable"  # of what nothing is known nobody can say that it may wait


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on the tool abstains: `distance` of the films, `disagreement` of table and beams, `flags` of poor films."""

    distance: float
    disagreement: float
    flags: Collection[str]

    def reason(self, distance: float | None, flags: Collection[str], disagreement: float) -> str:
        """Code of why readers get no text; "" where they get one. Weights that cannot tell a distance never abstain."""
        if distance is None:
            return ""
        if any(flag in self.flags for flag in flags):
            return Abstained.QUALITY
        if distance > self.distance:
            return Abstained.UNUSUAL
        return Abstained.DISAGREEMENT if disagreement > self.disagreement else ""


def disagreement(rows: Sequence[Finding], beams: Sequence[Mapping[str, State]]) -> float:
    """How many findings a beam may be expected to tell otherwise than they are, by the probabilities of the table.

    One that it asserts or doubts counts with the probability that it is absent, one that it denies with that of its presence.
    Outright contradictions are too rare to tell anything: the beams are written from the states.
    """
    likely = {row.finding: row.probability for row in rows if row.finding in PATHOLOGIES}
    told = [(likely[finding], state) for beam in beams for finding, state in beam.items() if finding in likely]
    return sum(p if state is State.NEGATIVE else 1 - p for p, state in told) / max(len(beams), 1)


def waiting(priority: str, reason: str) -> tuple[str, str]:
    """Priority of a study of which readers get no text, and why: its own one, but not the last, since nothing is known.

    What the table saw is not told.
    """
    return min(priority, _LATEST, key=PRIORITIES.index), f"not drafted: {Abstained(reason).sentence}"
