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
    """One gate; subject "state" or "change". held : somebody has set it, and the rule leaves it. reason : in one sentence."""

    finding: str
    subject: str
    open: bool
    reason: str
    held: bool = False
    since: datetime | None = None


def gates(session: Session) -> dict[tuple[str, str], Gate]:
    """Return the gates that were ever turned, by finding and subject; any other is closed."""
    rows = session.scalars(select(GateRow).order_by(GateRow.id))
    found = (Gate(**{name: getattr(row, name) for name in Gate.__slots__}) for row in rows)
    return {(one.finding, one.subject): one for one in found}


def turn(session: Session, gate: Gate, by: str, now: datetime) -> None:
    """Open or close a gate, or hold or free it, and tell the audit. now : by the hospital's clock."""
    keep(session, gate, now)
    told = {"open": gate.open, "held": gate.held, "reason": gate.reason}
    append_audit(session, by, "gate", f"{gate.finding}, {gate.subject}", told)


def keep(session: Session, gate: Gate, now: datetime) -> None:
    """Store a gate and its reason; one that stays as it was keeps its date."""
    row = session.scalar(select(GateRow).where(GateRow.finding == gate.finding, GateRow.subject == gate.subject))
    if row is None:
        row = GateRow(finding=gate.finding, subject=gate.subject, open=not gate.open)
        session.add(row)
    if row.open is not gate.open or row.since is None:
        row.since = now.astimezone(UTC)
    row.open, row.held, row.reason = gate.open, gate.held, gate.reason
    session.flush()
