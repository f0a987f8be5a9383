"""The table of findings of a draft: what the network read of the film alone, as states and probabilities."""

from __future__ import annotations

from cxrreport.drafting.case import Case
from cxrreport.drafting.changes import compare
from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS
from cxrreport.model.calibration import Calibration
from cxrreport.model.drafter import StudyStates
from cxrreport.model.progression import FOLLOWED
from cxrreport.records import View


def findings_table(case: Case) -> tuple[Finding, ...]:
    """The findings of a draft with those of its prior and what became of each."""
    pair, calibration = case.prepared.due.pair, case.calibration
    now = film_rows(case.current.states if calibration else case.text.states, calibration, pair.frontal.view)
    if case.states_before is None or case.prior is None:
        return compare(now, None)
    prior = case.prior.states if calibration else case.states_before
    before = film_rows(prior, calibration, pair.prior_frontal.view if pair.prior_frontal else None)
    if case.reading is None:
        return compare(now, before)
    changes = zip(FOLLOWED, case.reading.changes, case.reading.probabilities, strict=True)
    return compare(now, before, {finding: (change, likely) for finding, change, likely in changes})


def film_rows(states: StudyStates, calibration: Calibration | None, view: View | None = None) -> tuple[Finding, ...]:
    """The findings of one film as rows without any change; without a calibration the network's own, by its thresholds."""
    scores, found = states.scores or states.probabilities, (states.probabilities, states.states)
    probabilities, decided = calibration.apply(scores, view) if calibration else found
    rows = zip(FINDINGS, decided, probabilities, scores, strict=True)
    return tuple(Finding(finding, state, p, raw_score=score) for finding, state, p, score in rows)
