"""`cxrreport trust`: judge the drafts of the archive beside what is signed by now, and turn the gates by the rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cxrreport.errors import UsageError
from cxrreport.log import Progress, get_log, unwatched
from cxrreport.model.manifest import default_directory, read_manifest, weights_sha256
from cxrreport.settings import Settings
from cxrreport.store.engine import held_archive, open_archive, session
from cxrreport.store.gates import Gate, gates, turn
from cxrreport.store.retry import transact
from cxrreport.trust.agreement import Transact, judge_drafts
from cxrreport.trust.gates import NOTHING, turn_gates
from cxrreport.trust.policy import GATED, load_policy

if TYPE_CHECKING:
    from sqlalchemy import Engine


def prove_archive(settings: Settings, now: datetime, progress: Progress = unwatched) -> dict[str, Any]:
    """Judge what is new, then turn the gates. now : by the hospital's clock, as the times of studies are.

    Returns
    -------
    `judged`: drafts that were judged now; `opened` and `closed`: gates that were turned, each with its reason.

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
    turned: list[Gate] = transact(turn_gates, weights_in_use(settings), load_policy(settings.trust), now)
    for gate in turned:
        get_log().warning("gate.opened" if gate.open else "gate.closed", finding=gate.finding, subject=gate.subject)
    return {
        "judged": judged,
        "opened": [_told(gate) for gate in turned if gate.open],
        "closed": [_told(gate) for gate in turned if not gate.open],
    }


def weights_in_use(settings: Settings) -> str:
    """Digest of the weights that the next run drafts with."""
    return weights_sha256(read_manifest(settings.weights or default_directory()))


def list_gates(settings: Settings) -> list[dict[str, Any]]:
    """Every gate, those that were never turned too."""
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        known = gates(s)
    keys = [(finding, subject) for finding in GATED for subject in ("state", "change")]
    return [_told(known.get(key) or Gate(*key, open=False, reason=NOTHING)) for key in keys]


def set_gate(
    settings: Settings, finding: str, subject: str, to: str, by: str, reason: str, now: datetime
) -> dict[str, Any]:
    """Hold a gate "open" or "closed", or give it back to the "rule", which leaves it as it is until it decides otherwise.

    Raises
    ------
    UsageError : there is no such finding. LockedError : a run is at work.
    """
    if finding not in GATED:
        raise UsageError(f"There is no gate of this finding; there are {', '.join(GATED)}.", "gate.unknown")
    with held_archive(settings) as engine, session(engine) as s:
        before = gates(s).get((finding, subject)) or Gate(finding, subject, open=False, reason="")
        stays = to == "rule"
        gate = Gate(finding, subject, before.open if stays else to == "open", reason, held=not stays)
        turn(s, gate, by, now)
        return _told(gates(s)[finding, subject])


def _told(gate: Gate) -> dict[str, Any]:
    return {**asdict(gate), "since": gate.since.isoformat() if gate.since else None}
