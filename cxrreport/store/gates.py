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


def turn(session: Session, gate: Gate, by: str) -> None:
    """Open or close a gate, or hold or free it, and tell the audit."""
    keep(session, gate)
    action = "gate.open" if gate.open else "gate.close"
    append_audit(session, by, action, f"{gate.finding}, {gate.subject}", {"reason": gate.reason, "held": gate.held})


def keep(session: Session, gate: Gate) -> None:
    """Store a gate and its reason; one that stays as it was keeps its date."""
    row = session.scalar(select(GateRow).where(GateRow.finding == gate.finding, GateRow.subject == gate.subject))
    if row is None:
        row = GateRow(finding=gate.finding, subject=gate.subject, open=not gate.open)
        session.add(row)
    if row.open is not gate.open or row.since is None:
        row.since = datetime.now(UTC)
    row.open, row.held, row.reason = gate.open, gate.held, gate.reason
    session.flush()
