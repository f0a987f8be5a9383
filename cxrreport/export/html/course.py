"""The course of a patient's findings as a small table: a column a study, a row a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxrreport.export.words import STATES
from cxrreport.findings import NAMES, URGENCY, State
from cxrreport.store.trajectory import Moment

_SHOWN = 12  # studies, the latest
_SIGNS = {State.POSITIVE: "●", State.UNCERTAIN: "◐", State.NEGATIVE: "○", State.BLANK: "·"}


@dataclass(frozen=True, slots=True)
class Course:
    """Studies by date, and of each finding that was ever there or in doubt a sign and a word for each study.

    earlier : how many studies before these are left out. current : place of the study that the page is of.
    """

    moments: Sequence[Moment]
    earlier: int
    current: int | None
    rows: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]


def course(moments: Sequence[Moment], study_id: int) -> Course:
    """Return the course over the latest studies."""
    shown = moments[-_SHOWN:]
    told = (State.POSITIVE, State.UNCERTAIN)
    named = [finding for finding in URGENCY if any(one.states.get(finding) in told for one in shown)]
    rows = [(one, NAMES.get(one, one), [_cell(moment.states.get(one)) for moment in shown]) for one in named]
    current = next((place for place, one in enumerate(shown) if one.study_id == study_id), None)
    return Course(shown, len(moments) - len(shown), current, rows)


def _cell(state: State | None) -> tuple[str, str]:
    return _SIGNS[state or State.BLANK], STATES[state or State.BLANK]
