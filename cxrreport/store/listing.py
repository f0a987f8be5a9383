"""Which drafts a reader or an export asks for, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, Select, String, case, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from cxrreport.codes import Flag
from cxrreport.drafts import PRIORITIES, DraftStatus
from cxrreport.errors import UsageError
from cxrreport.findings import CHANGED
from cxrreport.store.catalogue import knows_patient
from cxrreport.store.deliveries import is_delivered
from cxrreport.store.schema import DraftRow, FailureRow, FindingRow, PatientRow, RunRow, StudyRow
from cxrreport.store.standing import stands
from cxrreport.store.undrafted import refused_for
from cxrreport.store.views import MAX_ID, find_study

_UNDATED = datetime(1, 1, 1)
_rank = case({name: rank for rank, name in enumerate(PRIORITIES)}, value=DraftRow.priority, else_=len(PRIORITIES))
TOLD_CHANGE = (FindingRow.change.in_(CHANGED), FindingRow.withheld == "", DraftRow.abstained == "")
_moment = func.coalesce(StudyRow.studied_at, _UNDATED)


def check_days(since: date | None, until: date | None) -> None:
    """Refuse days of which the first comes after the last. Raises UsageError."""
    if since and until and since > until:
        raise UsageError("The first day of the studies comes after the last one: exchange --since and --until.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which drafts; what is None, False or () limits nothing.

    since, until : first and last day of the studies. run : id of the run that made them. study : as `find_study` takes it.
    patient : the hospital's number. changed_only : something is new, worsened, improved or resolved.
    priority, flags : one of these. statuses : rejected drafts are asked for by name; superseded ones do not stand.
    lacking : the name of a target that has not got all of the draft. drafts : only these ids.

    Raises
    ------
    UsageError : `since` comes after `until`.
    """

    since: date | None = None
    until: date | None = None
    run: int | None = None
    study: str | None = None
    patient: str | None = None
    changed_only: bool = False
    priority: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    lacking: str | None = None
    drafts: tuple[int, ...] = ()
    statuses: tuple[DraftStatus, ...] = (DraftStatus.PRELIMINARY, DraftStatus.REVIEWED)

    def __post_init__(self) -> None:
        """Refuse what would silently ask for nothing."""
        check_days(self.since, self.until)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One draft in a list; `changes` are finding -> change of what is not as it was; `abstained` as in `Draft`."""

    draft_id: int
    study_id: int
    uid: str
    accession: str
    mrn: str
    studied_at: datetime | None
    time_known: bool
    status: DraftStatus
    priority: str | None
    priority_reason: str | None
    has_prior: bool
    changes: dict[str, str]
    flags: tuple[str, ...]
    created_at: datetime
    abstained: str


def list_drafts(session: Session, wanted: Wanted, limit: int = 100) -> list[DraftLine]:
    """Return the first drafts that stand and are wanted: by priority, the latest study first.

    Drafts that were made in shadow are left out.

    Raises
    ------
    UsageError : no study has the key of `wanted.study`, or several have; there is no such patient or run.
    """
    # whose rows are wanted is told by indices: hundreds of thousands of long rows need not be read for a hundred
    first = _ordered(_wanted(session, wanted)).with_only_columns(DraftRow.id).limit(limit).correlate(None)
    rows = session.execute(_ordered(_lines().where(DraftRow.id.in_(first)))).all()
    changes = _changes(session, [draft.id for draft, _, _ in rows])
    return [_line(draft, study, mrn, changes.get(draft.id, {})) for draft, study, mrn in rows]


def abstained_from(session: Session) -> dict[str, str]:
    """Return accession number -> code of all studies that are abstained from, in shadow too."""
    query = select(StudyRow.accession, DraftRow.abstained).join(DraftRow, DraftRow.study_id == StudyRow.id)
    return dict(session.execute(query.where(DraftRow.abstained != "", stands(shadow=True))).tuples().all())


def list_studies(session: Session, wanted: Wanted) -> list[tuple[int, str, str | None]]:
    """Return id and UID of the studies of all wanted drafts, and their priorities, as at one moment; ordered as `list_drafts`.

    Raises
    ------
    UsageError : as `list_drafts` does.
    """
    query = _ordered(_wanted(session, wanted)).with_only_columns(StudyRow.id, StudyRow.uid, DraftRow.priority)
    return [(study_id, uid, priority) for study_id, uid, priority in session.execute(query)]


def count_drafts(session: Session, wanted: Wanted) -> int:
    """Return how many drafts `list_drafts` yields."""
    return session.scalar(select(func.count()).select_from(_wanted(session, wanted).subquery())) or 0


def count_undrafted(session: Session, wanted: Wanted) -> dict[str, int]:
    """Return how many studies of the wanted days have no draft, by the code that says why.

    Where more than days is asked for there is nothing to tell: who knows of which priority they were.
    """
    if replace(wanted, since=None, until=None) != Wanted():
        return {}
    made = (DraftRow.study_id == StudyRow.id, DraftRow.status != DraftStatus.SUPERSEDED)
    kept = (exists().where(*made, _has_flag(Flag.UNPROVED)), "draft.unproved"), (exists().where(*made), "draft.shadow")
    code = case(*kept, else_=func.coalesce(FailureRow.code, refused_for(StudyRow.id), "draft.none"))
    shown = exists().where(*made, ~DraftRow.shadow)
    query = select(code, func.count()).select_from(StudyRow).outerjoin(FailureRow, FailureRow.study_id == StudyRow.id)
    counted = session.execute(query.where(~shown, *_days(wanted)).group_by(code).order_by(code))
    return {why: number for why, number in counted}


def rank(priority: str | None) -> int:
    """The place of a priority in a list: 0 comes first; a draft without one comes last."""
    return PRIORITIES.index(priority) if priority else len(PRIORITIES)


def _wanted(session: Session, wanted: Wanted) -> Select[DraftRow, StudyRow, str]:
    return _lines().where(stands(), *_conditions(session, wanted))


def _lines() -> Select[DraftRow, StudyRow, str]:
    return (
        select(DraftRow, StudyRow, PatientRow.mrn)
        .join(StudyRow, StudyRow.id == DraftRow.study_id)
        .join(PatientRow, PatientRow.id == StudyRow.patient_id)
    )


def _ordered(query: Select[DraftRow, StudyRow, str]) -> Select[DraftRow, StudyRow, str]:
    return query.order_by(_rank, _moment.desc(), DraftRow.id.desc())


def _conditions(session: Session, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    yield from _drafts(wanted)
    yield from _days(wanted)
    if wanted.run is not None:
        if not 0 < wanted.run <= MAX_ID or session.get(RunRow, wanted.run) is None:
            raise UsageError("The archive knows no run of this id.", "run.unknown")
        yield DraftRow.run_id == wanted.run
    if wanted.study is not None:
        yield DraftRow.study_id == find_study(session, wanted.study).id
    if wanted.patient is not None:
        if not knows_patient(session, wanted.patient):
            raise UsageError("No patient of the archive has this number.", "patient.unknown")
        yield PatientRow.mrn == wanted.patient
    if wanted.changed_only:
        yield exists().where(FindingRow.draft_id == DraftRow.id, *TOLD_CHANGE)
    if wanted.priority:
        yield DraftRow.priority.in_(wanted.priority)
    if wanted.lacking is not None:
        yield ~is_delivered(wanted.lacking)
    if wanted.flags:
        yield or_(*map(_has_flag, wanted.flags))


def _has_flag(flag: str) -> ColumnElement[bool]:
    return cast(DraftRow.flags, String).contains(f'"{flag}"', autoescape=True)


def _drafts(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    yield DraftRow.status.in_(wanted.statuses)
    if wanted.drafts:
        yield DraftRow.id.in_(wanted.drafts)


def _days(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.since:
        yield StudyRow.studied_at >= datetime.combine(wanted.since, time.min)
    if wanted.until:
        yield StudyRow.studied_at < datetime.combine(wanted.until, time.min) + timedelta(days=1)


def _changes(session: Session, draft_ids: list[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    query = select(FindingRow.draft_id, FindingRow.finding, FindingRow.change).join(
        DraftRow, DraftRow.id == FindingRow.draft_id
    )
    query = query.where(FindingRow.draft_id.in_(draft_ids), *TOLD_CHANGE)
    for draft_id, finding, change in session.execute(query.order_by(FindingRow.id)):
        found.setdefault(draft_id, {})[finding] = str(change)
    return found


def _line(draft: DraftRow, study: StudyRow, mrn: str, changes: dict[str, str]) -> DraftLine:
    return DraftLine(
        **{name: getattr(draft, name) for name in ("status", "priority", "priority_reason", "created_at", "abstained")},
        **{name: getattr(study, name) for name in ("uid", "accession", "studied_at", "time_known")},
        draft_id=draft.id,
        study_id=study.id,
        mrn=mrn,
        has_prior=draft.prior_study_id is not None,
        changes=changes,
        flags=tuple(draft.flags),
    )
