"""What a draft keeps from its readers: findings, and changes, in which the tool has not proved itself here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cxrreport.drafts import WITHHELD, Finding
from cxrreport.findings import FINDINGS, NO_FINDING, State

Closed = Mapping[str, str]  # "state" or "change" by finding


def is_everything(closed: Closed) -> bool:
    """Whether nothing is left that a draft could tell a reader."""
    return all(closed.get(finding) == "state" for finding in FINDINGS[:NO_FINDING])


def withhold(rows: Sequence[Finding], closed: Closed) -> tuple[Finding, ...]:
    """The rows with what is kept back marked. "No finding" sums all others up, and of it as much is kept back as of any."""
    kept = {**closed, FINDINGS[NO_FINDING]: max(closed.values(), key=WITHHELD[::-1].index, default="")}
    return tuple(replace(row, withheld=kept.get(row.finding, "")) for row in rows)


def to_tell(rows: Sequence[Finding]) -> tuple[Finding, ...]:
    """The rows as a text may rest on them: of what is kept back nothing is known."""
    return tuple(row.told() or _unknown(row) for row in rows)


def _unknown(row: Finding) -> Finding:
    return Finding(row.finding, State.BLANK, 0.0)
