"""What stands of a prior: the findings of its draft and of its signed report, so that consecutive studies agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cxrreport.drafting.case import Case
from cxrreport.findings import FINDINGS, State
from cxrreport.reports.labels import with_parents
from cxrreport.store.heard import States


def hear_of_priors(cases: Sequence[Case], drafted: Mapping[int, States], heard: Callable[[Case], States]) -> None:
    """Tell each case what stands of its prior. Of one that is drafted in the same batch that is the draft being made.

    drafted : findings of the drafts that stand, by study id. heard : those that are heard of a draft being made.
    """
    known = dict(drafted)
    for case in sorted(cases, key=lambda case: case.prepared.due.pair.study.studied_at or datetime.min):
        pair = case.prepared.due.pair
        if pair.prior is not None and case.prior is not None:
            case.told = both_told(known.get(pair.prior.id), case.signed.labels if case.signed else None)
        known[pair.study.id] = heard(case)


def both_told(drafted: States | None, signed: States | None) -> dict[str, State] | None:
    """States that a draft and a signed report of one study have together; None where there is neither.

    What either has is positive, but what the draft has and the report denies is uncertain. Else what the report says holds,
    and of what it does not mention the draft. Where there is no report, what the draft withholds has no state.
    """
    if not drafted and not signed:
        return None
    blank = dict.fromkeys(FINDINGS, State.BLANK)
    ours, theirs = {**blank, **(drafted or {})}, with_parents({**blank, **(signed or {})})
    told = FINDINGS if signed else [finding for finding in FINDINGS if finding in (drafted or {})]
    return {finding: _both(ours[finding], theirs[finding]) for finding in told}


def _both(ours: State, theirs: State) -> State:
    if ours is State.POSITIVE:
        return State.UNCERTAIN if theirs is State.NEGATIVE else State.POSITIVE
    return ours if theirs is State.BLANK else theirs
