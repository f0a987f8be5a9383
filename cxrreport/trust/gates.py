"""The gates of a hospital: opened where drafts have proved themselves beside its signed reports, closed where they fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cxrreport.findings import percent
from cxrreport.store.gates import Gate, gates, keep, turn
from cxrreport.store.judged import Judged, judged_drafts
from cxrreport.trust.policy import GATED, Bounds, Policy
from cxrreport.trust.tally import Cells, Share, Tally, count, tally

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

RULE = "cxrreport"  # who turns a gate by the rule
_PAGE = 500
NOTHING = "nothing was compared yet"


def decide(before: Gate, whole: Cells, month: Cells, policy: Policy) -> Gate:
    """Where the rule puts one gate. whole : counts of the policy's days. month : of the newest month."""
    bounds = policy.bounds(before.finding, before.subject)
    if before.held:
        return before
    fails = _fails(whole, bounds, "of all studies")
    if not fails and month.told >= policy.month:
        fails = _fails(month, bounds, "of the last 30 days")
    if fails:
        return replace(before, open=False, reason=fails)
    if before.open or _proves(whole, bounds):
        return replace(before, open=True, reason=_told(whole))
    return replace(before, open=False, reason=_lacks(whole, bounds))


def _proves(cells: Cells, bounds: Bounds) -> bool:
    if cells.both < bounds.agree:
        return False
    ends = (cells.precision.interval, bounds.precision), (cells.sensitivity.interval, bounds.sensitivity)
    return all(end is not None and end[0] >= bound for end, bound in ends)


def _fails(cells: Cells, bounds: Bounds, where: str) -> str:
    """Why a gate has to close, "" where nothing says so: the upper end of an interval lies below its bound."""
    for name, share, bound in _bounded(cells, bounds):
        if share.interval and share.interval[1] < bound:
            return f"{name} {where} is {_of(share)}, certainly below {percent(bound)}"
    return ""


def _lacks(cells: Cells, bounds: Bounds) -> str:
    if not cells.told:
        return NOTHING
    if cells.both < bounds.agree:
        return f"draft and report agree in {cells.both} studies, fewer than {bounds.agree}"
    for name, share, bound in _bounded(cells, bounds):
        if share.interval and share.interval[0] < bound:
            return f"{name} is {_of(share)}, not yet certainly {percent(bound)}"
    return ""


def _bounded(cells: Cells, bounds: Bounds) -> tuple[tuple[str, Share, float], ...]:
    return (("precision", cells.precision, bounds.precision), ("sensitivity", cells.sensitivity, bounds.sensitivity))


def _told(cells: Cells) -> str:
    return f"precision {_of(cells.precision)}, sensitivity {_of(cells.sensitivity)}"


def _of(share: Share) -> str:
    return f"{percent(share.share) or 'unknown'} ({share.hits} of {share.of})"


def turn_gates(session: Session, weights_sha256: str, policy: Policy, now: datetime) -> list[Gate]:
    """Apply the rule to every gate; return those that were opened or closed.

    now : end of the days that count, by the hospital's clock, as the times of studies are.
    """
    since, month = now - timedelta(days=policy.days), now - timedelta(days=30)
    whole, recent = tally(()), tally(())
    for draft in _drafts(session, weights_sha256, since, now):
        count(whole, draft)
        if draft.at >= month:
            count(recent, draft)
    return _turned(session, whole, recent, policy, now)


def _drafts(session: Session, weights_sha256: str, since: datetime, until: datetime) -> Iterable[Judged]:
    last = 0
    while page := judged_drafts(session, weights_sha256, since, until, last, _PAGE):
        last = page[-1].draft_id
        yield from page


def _turned(session: Session, whole: Tally, recent: Tally, policy: Policy, now: datetime) -> list[Gate]:
    known, turned = gates(session), []
    for key in ((finding, subject) for finding in GATED for subject in ("state", "change")):
        before = known.get(key) or Gate(*key, open=False, reason=NOTHING)
        after = decide(before, whole[key], recent[key], policy)
        if after.open is before.open:
            keep(session, after, now)
        else:
            turn(session, after, RULE, now)
            turned.append(after)
    return turned


def closed(session: Session) -> dict[str, str]:
    """What drafts keep from readers: "state" or "change" by finding. A finding of which nothing may be told has no change."""
    known = gates(session)
    found = {}
    for finding in GATED:
        for subject in ("change", "state"):
            gate = known.get((finding, subject))
            if gate is None or not gate.open:
                found[finding] = subject
    return found
