"""The table of findings of a draft: each film judged once and alone; a prior tells what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cxrreport.drafting.case import Case
from cxrreport.drafting.changes import compare, no_finding
from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS, THERE, Change, State
from cxrreport.model.calibration import Calibration
from cxrreport.model.comparer import PairReading
from cxrreport.model.drafter import StudyStates
from cxrreport.model.progression import FOLLOWED
from cxrreport.model.tie import Tie
from cxrreport.records import View

Rows = tuple[Finding, ...]


def findings_table(case: Case) -> Rows:
    """The findings of a draft with those of its prior and what became of each."""
    pair, calibration, before = case.prepared.due.pair, case.calibration, case.states_before
    now = film_rows(case.current.states, calibration, pair.frontal.view)
    if before is None:
        return now
    had = film_rows(before, calibration, pair.prior_frontal.view if pair.prior_frontal else None)
    return compared(now, as_told(had, case.told), case.reading, calibration.tie if calibration else Tie())


def film_rows(states: StudyStates, calibration: Calibration | None, view: View | None = None) -> tuple[Finding, ...]:
    """The findings of one film as rows without any change; without a calibration the network's own, by its thresholds."""
    scores, found = states.scores or states.probabilities, (states.probabilities, states.states)
    probabilities, decided = calibration.apply(scores, view) if calibration else found
    rows = zip(FINDINGS, decided, probabilities, scores, strict=True)
    return tuple(Finding(finding, state, p, raw_score=score) for finding, state, p, score in rows)


def as_told(rows: Rows, told: Mapping[str, State] | None) -> Rows:
    """The findings of a prior with the states that stand of it, where any do; else those of its film."""
    return tuple(replace(row, state=told.get(row.finding, row.state)) for row in rows) if told else rows


def compared(now: Rows, before: Rows, reading: PairReading | None, tie: Tie) -> Rows:
    """The findings of a study beside those of its prior. reading : of both together; None where nobody compared them."""
    if reading is None:
        return compare(now, before)
    changes = zip(FOLLOWED, reading.changes, reading.probabilities, strict=True)
    return compare(now, before, {finding: (change, likely) for finding, change, likely in changes}, tie)


def changes_of(rows: Sequence[Finding]) -> tuple[Change | None, ...]:
    """The changes of a table, in the order of `FOLLOWED`."""
    changes = {row.finding: row.change for row in rows}
    return tuple(changes[finding] for finding in FOLLOWED)


def to_write(own: StudyStates, rows: Sequence[Finding]) -> StudyStates:
    """What a decoder that reads the prior writes of: the network's own states, and the table's of what has a change."""
    states = dict(zip(FINDINGS, own.states, strict=True))
    states |= {row.finding: row.state for row in rows if row.change not in (None, Change.ABSENT)}
    states |= {"no finding": no_finding(states, THERE)}  # as the network has learnt it
    return replace(own, states=tuple(states[finding] for finding in FINDINGS))
