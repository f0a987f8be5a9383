"""The gates of a hospital: opened where drafts have proved themselves beside its signed reports, closed where they fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cxrreport.findings import percent
from cxrreport.store.gates import Gate, gates, keep, turn
from cxrreport.store.judged import Record, counted, record
from cxrreport.store.runs import TOOL
from cxrreport.trust.policy import GATED, Bounds, Policy
from cxrreport.trust.tally import Cells, Share, count_row, tally

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.drafts import MadeWith

NOTHING = "nothing was compared yet"
_OTHERS = "it was opened for other weights or another calibration"
_Key = tuple[str, str]  # a finding, and its state or its change
KEYS = [(finding, subject) for finding in GATED for subject in ("state", "change")]


def decide(before: Gate, whole: Cells, month: Cells, policy: Policy, silence: str = NOTHING) -> Gate:
    """Where the rule puts one gate.

    whole : counts of the policy's days. month : of the newest month. silence : why there are none.
    """
    bounds = policy.bounds(before.finding, before.subject)
    if before.held:
        return before
    for cells, where in ((whole, "of all studies"), (month, "of the last 30 days")):
        if cells.told >= policy.least and (fails := _fails(cells, bounds, where)):
            return replace(before, open=False, failed=True, reason=fails)
    lacks = _lacks(whole, bounds, silence) or (_wanes(month, bounds) if before.failed else "")
    if before.open or not lacks:
        return replace(before, open=True, failed=False, reason=_told(whole))
    return replace(before, open=False, reason=f"it has failed; {lacks}" if before.failed else lacks)


def _fails(cells: Cells, bounds: Bounds, where: str) -> str:
    """Why a gate has to close, "" where nothing says so: the upper end of an interval lies below its bound."""
    for name, share, bound in _bounded(cells, bounds):
        if share.interval and share.interval[1] < bound:
            return f"{name} {where} is {_of(share)}, certainly below {percent(bound)}"
    return ""


def _lacks(cells: Cells, bounds: Bounds, silence: str) -> str:
    """What is not proved yet, "" where nothing is wanting."""
    if not cells.told:
        return silence
    if cells.both < bounds.agree:
        return f"draft and report agree in {cells.both} studies, fewer than {bounds.agree}"
    for name, share, bound in _bounded(cells, bounds):
        if share.interval and share.interval[0] < bound:
            return f"{name} is {_of(share)}, not yet certainly {percent(bound)}"
    return ""


def _silence(found: Record, days: int) -> str:
    """Why nothing is told that counts, where drafts may well have been judged."""
    if not found.judged:
        return f"nothing was compared of studies of the last {days} days"
    of_days = f"drafts judged of studies of the last {days} days"
    if not found.of_use:
        return f"{of_days}: {found.judged}, none that readers may get of the weights and the calibration in use"
    return f"{of_days}: {found.of_use}, in none it is told beyond doubt"


def _wanes(month: Cells, bounds: Bounds) -> str:
    """Why a good year does not open a gate that has failed: what is told now is below a bound, however few tell it."""
    for name, share, bound in _bounded(month, bounds):
        if share.share is not None and share.share < bound:
            return f"{name} of the last 30 days is {_of(share)}, below {percent(bound)}"
    return ""


def _bounded(cells: Cells, bounds: Bounds) -> tuple[tuple[str, Share, float], ...]:
    return (("precision", cells.precision, bounds.precision), ("sensitivity", cells.sensitivity, bounds.sensitivity))


def _told(cells: Cells) -> str:
    return f"precision {_of(cells.precision)}, sensitivity {_of(cells.sensitivity)}"


def _of(share: Share) -> str:
    return f"{percent(share.share) or 'unknown'} ({share.hits} of {share.of})"


def turn_gates(session: Session, used: MadeWith, policy: Policy, now: datetime) -> list[Gate]:
    """Apply the rule to every gate; return those that were opened or closed, or have failed.

    Drafts count that these weights with this calibration made, and that are not abstained from; what others have proved is
    not proved of them, and what others have failed in they have to prove.

    now : end of the days that count, by the hospital's clock, as the times of studies are.
    """
    whole, recent, since = tally(()), tally(()), now - timedelta(days=policy.days)
    for one in counted(session, *used, since, now - timedelta(days=30), now):
        count_row(whole, one.finding, one, one.has_prior, one.studies)
        count_row(recent, one.finding, one, one.has_prior, one.recent)
    silence = _silence(record(session, *used, since, now), policy.days)
    return _turned(session, lambda gate, key: _decide(gate, used, whole[key], recent[key], policy, silence), now)


def _turned(session: Session, rule: Callable[[Gate, _Key], Gate], now: datetime) -> list[Gate]:
    known, turned = gates(session), []
    for key in KEYS:
        before = known.get(key) or unproved(*key)
        after = rule(before, key)
        if (after.open, after.failed) == (before.open, before.failed):
            keep(session, after, now)
        else:
            turn(session, after, TOOL, now)
            turned.append(after)
    return turned


def unproved(finding: str, subject: str) -> Gate:
    """A gate that was never turned."""
    return Gate(finding, subject, open=False, reason=NOTHING)


def _of_use(gate: Gate, used: MadeWith) -> Gate:
    """A gate as it is for what is in use: one that drafts of something else have opened is open no more, unless it is held."""
    if not gate.open or gate.held or (gate.weights_sha256, gate.calibration_sha256) == used:
        return gate
    return replace(gate, open=False, reason=_OTHERS)


def _decide(before: Gate, used: MadeWith, whole: Cells, month: Cells, policy: Policy, silence: str) -> Gate:
    """As `decide`, of the drafts of what is in use."""
    gate = _of_use(before, used)
    if gate.held:
        return gate
    after = decide(replace(gate, **used._asdict()), whole, month, policy, silence)
    others = gate is not before and not after.open and not after.failed
    return replace(after, reason=f"{_OTHERS}; {after.reason}") if others else after


def gates_of_use(session: Session, used: MadeWith) -> dict[tuple[str, str], Gate]:
    """Every gate, one that was never turned too, as it is for what is in use."""
    known = gates(session)
    return {key: _of_use(known.get(key) or unproved(*key), used) for key in KEYS}


def withheld(session: Session, used: MadeWith, withhold: str) -> dict[str, str]:
    """What drafts keep from readers: "state" or "change" by finding. A finding of which nothing may be told has no change.

    withhold : the setting. "failed" takes in what somebody holds closed, "unproved" all that is not open.
    """
    known = gates_of_use(session, used)
    # the change first: the state takes its place
    return {finding: subject for finding, subject in reversed(KEYS) if _is_withheld(known[finding, subject], withhold)}


def count_gates(session: Session, used: MadeWith) -> dict[str, int]:
    """Return how many gates are open, have failed, have not proved themselves yet, and are held by somebody."""
    found = gates_of_use(session, used).values()
    opened, held = (sum(getattr(gate, name) for gate in found) for name in ("open", "held"))
    failed = sum(gate.failed and not gate.open for gate in found)
    return {"open": opened, "failed": failed, "unproved": len(KEYS) - opened - failed, "held": held}


def _is_withheld(gate: Gate, withhold: str) -> bool:
    if gate.open or withhold == "nothing":
        return False
    return withhold == "unproved" or gate.failed or gate.held
