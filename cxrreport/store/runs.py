"""The diary of the tool: runs, files that failed, the audit, and the state of the whole archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, distinct, exists, func, or_, select, update
from sqlalchemy.orm import Session

from cxrreport.drafts import PRIORITIES, DraftStatus
from cxrreport.records import Failure
from cxrreport.settings import mask_passwords
from cxrreport.store.attempts import fail_abandoned
from cxrreport.store.columns import below
from cxrreport.store.engine import batches
from cxrreport.store.schema import AuditRow, DraftRow, FailureRow, ImageRow, PatientRow, ReportRow, RunRow, StudyRow
from cxrreport.store.standing import stands

TOOL = "cxrreport"  # who does in the audit what no person does
_IDENTIFIERS = ("--patient", "--study")  # options whose value names a patient


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run; without `ended_at` it is at work, or was killed and no run has followed.

    A later run closes a killed one: `ended_at` is then when it was found, and `exit_code` None, for nobody knows it.
    """

    id: int
    started_at: datetime
    ended_at: datetime | None
    argv: list[str]
    host: str
    versions: dict[str, Any]
    counts: dict[str, Any]
    exit_code: int | None


def begin_run(session: Session, argv: Sequence[str], host: str, versions: Mapping[str, Any]) -> int:
    """Record that a run begins and return its id. Passwords, the patient's number and the study in `argv` are masked.

    Runs that never ended are dead, for the caller holds the archive: they are closed, and what they left in work has failed.
    """
    _close_dead(session)
    fail_abandoned(session)
    row = RunRow(started_at=datetime.now(UTC), argv=_masked(argv), host=host, versions=dict(versions), counts={})
    session.add(row)
    session.flush()
    return row.id


def _close_dead(session: Session) -> None:
    """Close the runs without an end. One of them that lives on has lost its lock, and finds out (`hold.check_run`)."""
    dead = session.scalars(select(RunRow.id).where(RunRow.ended_at.is_(None))).all()
    for run_id in dead:
        append_audit(session, TOOL, "run.end", f"run {run_id}", {"exit_code": None})
    session.execute(update(RunRow).where(RunRow.id.in_(dead)).values(ended_at=datetime.now(UTC)))


def _masked(argv: Sequence[str]) -> list[str]:
    words = ["***" if before in _IDENTIFIERS else word for before, word in zip(["", *argv], argv)]
    return [mask_passwords(_unnamed(word)) for word in words]


def _unnamed(word: str) -> str:
    option, _, value = word.partition("=")
    return f"{option}=***" if value and option in _IDENTIFIERS else word


def end_run(session: Session, run_id: int, counts: Mapping[str, Any], exit_code: int) -> None:
    """Record how a run ended."""
    session.execute(
        update(RunRow)
        .where(RunRow.id == run_id)
        .values(ended_at=datetime.now(UTC), counts=dict(counts), exit_code=exit_code)
    )


def list_runs(session: Session, limit: int = 20) -> list[RunFacts]:
    """Return the latest runs, the newest first."""
    rows = session.scalars(select(RunRow).order_by(RunRow.id.desc()).limit(limit))
    return [RunFacts(**{name: getattr(row, name) for name in RunFacts.__slots__}) for row in rows]


# -- files that failed ------------------------------------------------------------------------------------------------


def add_failures(session: Session, run_id: int, failures: Sequence[Failure]) -> None:
    """Record files that could not be used: one row for each path, counted up with each attempt.

    A failure of a study goes to `attempts.fail_studies`.
    """
    if any(failure.path is None or failure.study_id is not None for failure in failures):
        raise ValueError("A failure of a file names the path alone.")
    for batch in batches(failures):
        rows = {
            row.path: row for row in session.scalars(select(FailureRow).where(is_file([f.path or "" for f in batch])))
        }
        for failure in batch:
            row = rows.get(failure.path)
            if row is None:
                row = rows[failure.path] = FailureRow(path=failure.path, attempts=0, quarantined=False)
                session.add(row)
            row.run_id, row.code, row.message = run_id, failure.code, failure.message
            row.attempts += 1
        session.flush()


def clear_file_failures(session: Session, paths: Sequence[str]) -> None:
    """Forget the failures of files that now read well as images, or as none; what reading them for reports met stays."""
    for batch in batches(paths):
        session.execute(delete(FailureRow).where(is_file(batch), ~FailureRow.code.startswith("report.")))


def clear_failures_below(session: Session, root: str, kind: str) -> None:
    """Forget failures whose code begins with `kind` at or below the absolute path `root`: it is about to be read again."""
    same_kind = FailureRow.code.startswith(kind) & FailureRow.study_id.is_(None)
    session.execute(delete(FailureRow).where(same_kind, or_(FailureRow.path == root, below(FailureRow.path, root))))


def is_file(paths: Sequence[str]) -> ColumnElement[bool]:
    """Match the failures of these files, not those of studies."""
    return FailureRow.path.in_(paths) & FailureRow.study_id.is_(None)


# -- the audit --------------------------------------------------------------------------------------------------------


def append_audit(session: Session, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Append one entry; the database refuses to change or delete it."""
    session.add(AuditRow(at=datetime.now(UTC), actor=actor, action=action, subject=subject, detail=dict(detail)))
    session.flush()


# -- the state of the archive -----------------------------------------------------------------------------------------


def archive_status(session: Session) -> dict[str, Any]:
    """Return what the archive holds; keys and values go into JSON as they are.

    `undrafted` counts studies with usable images and no draft, `imageless` those of which no image is usable,
    `shadow` drafts that stand and no reader sees, `abstained` by
    code those of which readers are told why there is no text, `priorities`
    those that wait for a reader, `refused` by code images that are not used, `failures` by
    code what a run will try again, `quarantined` what it will not.
    """
    last = list_runs(session, 1)
    waiting = select(FailureRow.code, func.count()).where(FailureRow.quarantined.is_(False)).group_by(FailureRow.code)
    return {
        "patients": _count(session, PatientRow),
        **_count_studies(session),
        "images": _count_images(session),
        "refused": _count_refused(session),
        "reports": _count(session, ReportRow),
        "linked_reports": _count(session, ReportRow, ReportRow.study_id.is_not(None)),
        "drafts": _count_drafts(session),
        "priorities": _count_priorities(session),
        "shadow": _count(session, DraftRow, DraftRow.shadow, stands(shadow=True)),
        "abstained": _count_abstained(session),
        "failures": {code: number for code, number in session.execute(waiting.order_by(FailureRow.code))},
        "quarantined": _count(session, FailureRow, FailureRow.quarantined),
        "last_run": _to_json(last[0]) if last else None,
    }


def _count(session: Session, table: Any, *where: Any) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def _count_studies(session: Session) -> dict[str, int]:
    """Those without a draft are those with images but those of them with one: both are counted in an index."""
    imaged = exists().where(ImageRow.study_id == DraftRow.study_id, ImageRow.usable)
    with_images = session.scalar(select(func.count(distinct(ImageRow.study_id))).where(ImageRow.usable)) or 0
    drafted = select(func.count(distinct(DraftRow.study_id))).where(DraftRow.status != DraftStatus.SUPERSEDED, imaged)
    studies, undrafted = _count(session, StudyRow), with_images - (session.scalar(drafted) or 0)
    return {"studies": studies, "undrafted": undrafted, "imageless": studies - with_images}


def _count_images(session: Session) -> dict[str, dict[str, int]]:
    """Count images by view ("unknown" where none was found yet), usable and unusable."""
    found: dict[str, dict[str, int]] = {}
    query = select(ImageRow.view, ImageRow.usable, func.count()).group_by(ImageRow.view, ImageRow.usable)
    for view, usable, number in session.execute(query):
        counts = found.setdefault(view.value if view else "unknown", {"usable": 0, "unusable": 0})
        counts["usable" if usable else "unusable"] = number
    return dict(sorted(found.items()))


def _count_refused(session: Session) -> dict[str, int]:
    """Count by code the images that are not drafted from."""
    query = select(ImageRow.reason, func.count()).where(~ImageRow.usable, ImageRow.reason.is_not(None))
    return {
        reason or "": number
        for reason, number in session.execute(query.group_by(ImageRow.reason).order_by(ImageRow.reason))
    }


def _count_drafts(session: Session) -> dict[str, int]:
    query = select(DraftRow.status, func.count()).group_by(DraftRow.status)
    found = {status: number for status, number in session.execute(query)}
    return {status.value: found.get(status, 0) for status in DraftStatus}


def _count_priorities(session: Session) -> dict[str, int]:
    """Count the preliminary drafts that are shown by priority, the soonest first."""
    waiting = (DraftRow.status == DraftStatus.PRELIMINARY, ~DraftRow.shadow)
    query = select(DraftRow.priority, func.count()).where(*waiting).group_by(DraftRow.priority)
    found = {priority: number for priority, number in session.execute(query)}
    return {priority: found.get(priority, 0) for priority in PRIORITIES}


def _count_abstained(session: Session) -> dict[str, int]:
    """Count by code the preliminary drafts of which readers are told why there is no text."""
    waiting = (DraftRow.status == DraftStatus.PRELIMINARY, ~DraftRow.shadow, DraftRow.abstained != "")
    query = select(DraftRow.abstained, func.count()).where(*waiting).group_by(DraftRow.abstained)
    return {code: number for code, number in session.execute(query.order_by(DraftRow.abstained))}


def _to_json(run: RunFacts) -> dict[str, Any]:
    times = {"started_at": run.started_at.isoformat(), "ended_at": run.ended_at.isoformat() if run.ended_at else None}
    return {"id": run.id, **times, "host": run.host, "counts": run.counts, "exit_code": run.exit_code}
