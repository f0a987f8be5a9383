"""The table of findings of a draft: what the network read of the images, as states and probabilities."""

from __future__ import annotations

from cxrreport.drafting.case import Case
from cxrreport.drafting.changes import compare
from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS
from cxrreport.model.drafter import StudyStates
from cxrreport.model.progression import FOLLOWED


def findings_table(case: Case) -> tuple[Finding, ...]:
    """The findings of a draft with those of its prior and what became of each."""
    now, before = _rows(case.text.states), case.states_before
    if before is None:
        return compare(now, None)
    if case.reading is None:
        return compare(now, _rows(before))
    changes = zip(FOLLOWED, case.reading.changes, case.reading.probabilities, strict=True)
    return compare(now, _rows(before), {finding: (change, likely) for finding, change, likely in changes})


def _rows(states: StudyStates) -> tuple[Finding, ...]:
    """The network's findings as rows without any change."""
    rows = zip(FINDINGS, states.states, states.probabilities, strict=True)
    return tuple(Finding(finding, state, probability, raw_score=probability) for finding, state, probability in rows)
