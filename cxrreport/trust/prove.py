"""`cxrreport trust`: judge the drafts of the archive beside what is signed by now, and turn the gates by the rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cxrreport.errors import UsageError
from cxrreport.log import Progress, get_log, unwatched
from cxrreport.settings import Settings
from cxrreport.store.engine import held_archive, open_archive, session
from cxrreport.store.gates import Gate, gates, turn
from cxrreport.store.retry import transact
from cxrreport.store.telling import withdraw_telling
from cxrreport.trust.agreement import Transact, judge_drafts
from cxrreport.trust.drift import watch
from cxrreport.trust.gates import gates_of_use, turn_gates, unproved, withheld
from cxrreport.trust.policy import GATED, Policy, load_policy
from cxrreport.trust.used import in_use

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session


def prove_archive(settings: Settings, now: datetime, progress: Progress = unwatched) -> dict[str, Any]:
    """Judge what is new, then turn the gates. now : by the hospital's clock, as the times of studies are.

    Returns
    -------
    `judged`: drafts that were judged now; `opened` and `closed`: gates that were turned, each with its reason; `withdrawn`:
    drafts that nobody had read and that told what is kept from readers now; `alarms` of drift that ring.

    Raises
    ------
    ConfigurationError : the rule cannot be used. LockedError : a run is at work.
    """
    load_policy(settings.trust)
    with held_archive(settings) as engine:
        return prove(settings, _transact(engine), now, progress)


def _transact(engine: Engine) -> Transact:
    return lambda work, *arguments: transact(engine, lambda s: work(s, *arguments))


def prove(
    settings: Settings,
    transact: Transact,
    now: datetime,
    progress: Progress = unwatched,
    stops: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """As `prove_archive`, in an archive that is held. transact, stops : as `judge_drafts` takes them."""
    judged = judge_drafts(transact, progress, stops)
    turned, withdrawn = transact(_turn, settings, load_policy(settings.trust), now)
    for gate in turned:
        get_log().warning("gate.opened" if gate.open else "gate.closed", finding=gate.finding, subject=gate.subject)
    return {
        "judged": judged,
        "opened": [_told(gate) for gate in turned if gate.open],
        "closed": [_told(gate) for gate in turned if not gate.open],
        "withdrawn": withdrawn,
        "alarms": watch(settings, transact, now),
    }


def _turn(session: Session, settings: Settings, policy: Policy, now: datetime) -> tuple[list[Gate], int]:
    """Turn the gates; no draft that waits for a reader tells on what has failed."""
    used = in_use(settings)
    turned = turn_gates(session, used, policy, now)
    return turned, withdraw_telling(session, withheld(session, used, settings.withhold))


def list_gates(settings: Settings) -> list[dict[str, Any]]:
    """Every gate, those that were never turned too, as it is for the weights and the calibration in use."""
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        return [_told(gate) for gate in gates_of_use(s, in_use(settings)).values()]


def set_gate(
    settings: Settings, finding: str, subject: str, to: str, by: str, reason: str, now: datetime
) -> dict[str, Any]:
    """Hold a gate "open" or "closed", or give it back to the "rule", which looks at it at once as at one that is closed.

    Returns the gate, and as `withdrawn` how many drafts that nobody had read told what is kept from readers now.

    Raises
    ------
    UsageError : there is no such finding. ConfigurationError : the rule cannot be used. LockedError : a run is at work.
    """
    if finding not in GATED:
        raise UsageError(f"There is no gate of this finding; there are {', '.join(GATED)}.", "gate.unknown")
    policy, used = load_policy(settings.trust), in_use(settings)
    with held_archive(settings) as engine, session(engine) as s:
        before = gates(s).get((finding, subject)) or unproved(finding, subject)
        gate = replace(before, **used._asdict(), open=to == "open", held=to != "rule", reason=reason)
        turn(s, gate, by, now)
        if to == "rule":
            turn_gates(s, used, policy, now)
        withdrawn = withdraw_telling(s, withheld(s, used, settings.withhold))
        return {**_told(gates(s)[finding, subject]), "withdrawn": withdrawn}


def _told(gate: Gate) -> dict[str, Any]:
    return {**asdict(gate), "since": gate.since.isoformat() if gate.since else None}
