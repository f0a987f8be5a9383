"""Gates: which findings, and which changes of them, drafts may tell to readers. Every turn of one stands in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport.store.outcomes import GateRow
from cxrreport.store.runs import append_audit


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate; subject "state" or "change".

    reason : in one sentence. failed : drafts did not agree with what was signed, and have not proved themselves since; who
    holds the gate open does not undo it. held : somebody has set it, and the rule leaves it. The digests are of what made the
    drafts that it rests on.
    """

    finding: str
    subject: str
    open: bool
    reason: str
    failed: bool = False
    held: bool = False
    weights_sha256: str = ""
    calibration_sha256: str | None = None
    since: datetime | None = None


_STANDS = ("open", "failed", "held", "reason", "weights_sha256", "calibration_sha256")


def gates(session: Session) -> dict[tuple[str, str], Gate]:
    """Return the gates that were ever turned, by finding and subject; any other is closed."""
    rows = session.scalars(select(GateRow).order_by(GateRow.id))
    found = (Gate(**{name: getattr(row, name) for name in Gate.__slots__}) for row in rows)
    return {(one.finding, one.subject): one for one in found}


def turn(session: Session, gate: Gate, by: str, now: datetime) -> None:
    """Open or close a gate, or hold or free it, and tell the audit. now : by the hospital's clock."""
    keep(session, gate, now)
    told = {name: getattr(gate, name) for name in _STANDS}
    append_audit(session, by, "gate", f"{gate.finding}, {gate.subject}", told)


def keep(session: Session, gate: Gate, now: datetime) -> None:
    """Store a gate and its reason; one that stays as it was keeps its date."""
    row = session.scalar(select(GateRow).where(GateRow.finding == gate.finding, GateRow.subject == gate.subject))
    if row is None:
        row = GateRow(finding=gate.finding, subject=gate.subject, open=not gate.open)
        session.add(row)
    if row.open is not gate.open or row.since is None:
        row.since = now.astimezone(UTC)
    for name in _STANDS:
        setattr(row, name, getattr(gate, name))
    session.flush()
