"""How soon somebody should look at a study: the tier of what is seen, how likely it is, and what became of it.

It orders what is read, and rules nothing out: who waits last may still have anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cxrreport.drafting.known import Known
from cxrreport.findings import NAMES, Change, State, Tier, percent, tier
from cxrreport.reports.claims import Text

# Probability from which on an undecided finding counts: what takes minutes long before a doubt is worth a sentence.
# Of 296 validation studies of IU X-Ray, 3 of them with a pneumothorax, 3 reach .1; none of those is one with it.
_POSSIBLE = {Tier.CRITICAL: 0.1}
_ELSE_POSSIBLE = 0.3  # as for a sentence (known.py)
_KNOWN_BEFORE = (Change.UNCHANGED, Change.IMPROVED)
_NOTHING = "nothing is seen that cannot wait; this rules nothing out"
_NOTHING_ASSESSED = f"of what is assessed {_NOTHING}"


class _Ground(NamedTuple):
    """One finding that a priority rests on; less comes first."""

    priority: Tier
    unlikely: float
    words: str


def prioritise(known: Known, text: Text, *, partly: bool = False) -> tuple[str, str]:
    """Return one of `PRIORITIES` and its reason in words: "pneumothorax new (71 %)". partly : findings are kept back.

    A finding that is there has its tier, by its severity where the text tells one. It waits a step longer where it was
    there before and has not become worse, and where it is not decided. The findings of the soonest priority are its reason.
    """
    grounds = sorted((*_present(known, _severities(text)), *_possible(known)))
    if not grounds:
        return Tier.ROUTINE.name.lower(), _NOTHING_ASSESSED if partly else _NOTHING
    first = grounds[0].priority
    return first.name.lower(), ", ".join(ground.words for ground in grounds if ground.priority is first)


def _present(known: Known, severities: Mapping[str, int]) -> Iterator[_Ground]:
    for finding in (finding for finding in known.spoken if finding in known.positive):
        change, row = known.changes.get(finding), known.rows[finding]
        usual = tier(finding, severities.get(finding))
        words = f"{_name(finding)} {change or ''}".strip()
        due = _later(usual) if change in _KNOWN_BEFORE else usual
        yield _Ground(due, -row.probability, f"{words} ({percent(row.probability)})")


def _possible(known: Known) -> Iterator[_Ground]:
    for finding, row in known.rows.items():
        usual = tier(finding)
        likely = row.probability >= _POSSIBLE.get(usual, _ELSE_POSSIBLE)
        waits = usual is Tier.ROUTINE or finding in known.implied
        if row.state is State.UNCERTAIN and likely and not waits:
            words = f"possible {_name(finding)} ({percent(row.probability)})"
            yield _Ground(_later(usual), -row.probability, words)


def _severities(text: Text) -> dict[str, int]:
    """The highest severity that is told of each finding that is there."""
    found: dict[str, int] = {}
    for claim in (claim for sentence in text for claim in sentence.claims if claim.state is State.POSITIVE):
        if claim.degree and (severity := claim.degree.meaning.severity) is not None:
            found[claim.finding] = max(severity, found.get(claim.finding, 0))
    return found


def _later(usual: Tier) -> Tier:
    return Tier(min(usual + 1, Tier.ROUTINE))


def _name(finding: str) -> str:
    return NAMES.get(finding, finding)
