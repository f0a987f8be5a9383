"""Weekly sums of drafts by device: what drift is seen in. The database adds up; a row is a week of a device, not a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from cxrreport.drafts import MadeWith, Watched
from cxrreport.findings import State
from cxrreport.store.films import DEVICE, device_name, first_frontal
from cxrreport.store.outcomes import SAID, AgreementRow, JudgementRow
from cxrreport.store.schema import DraftRow, FindingRow, ImageRow, StudyRow
from cxrreport.store.standing import stands

WEEK = timedelta(days=7)
Columns = tuple[ColumnElement[Any], ...]  # of one statistic: what its `Cell` holds


def _plain(value: Any) -> Columns:
    """Of a value that a draft has, or has not."""
    return func.count(value), func.count(value), func.sum(value), func.sum(value * value)


def _observed() -> Columns:
    """Of what is signed beside what was likely: studies whose report is not in doubt of it."""
    known = and_(SAID, or_(AgreementRow.signed.is_(None), AgreementRow.signed != State.UNCERTAIN))
    likely = case((known, FindingRow.probability))
    told = func.sum(case((known & (AgreementRow.signed == State.POSITIVE), 1.0), else_=0.0))
    return func.count(likely), func.sum(likely), told, func.sum(likely * likely)


OF_DRAFTS: Mapping[Watched, Columns] = {
    Watched.DISTANCE: _plain(DraftRow.distance),
    Watched.ABSTAINED: _plain(case((DraftRow.abstained != "", 1.0), else_=0.0)),
    Watched.ERRORS: _plain(JudgementRow.errors),
    Watched.EDITS: _plain(JudgementRow.edits),
}
OF_FINDINGS: Mapping[Watched, Columns] = {
    Watched.CALLED: _plain(case((FindingRow.state == State.POSITIVE, 1.0), else_=0.0)),
    Watched.PROBABILITY: _plain(FindingRow.probability),
    Watched.OBSERVED: _observed(),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One statistic of one week: studies, exposure, sum, and sum of squares (of the values, or of what was expected)."""

    studies: int = 0
    exposure: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Cell) -> Cell:
        """Both together."""
        studies, exposure = self.studies + other.studies, self.exposure + other.exposure
        return Cell(studies, exposure, self.total + other.total, self.squares + other.squares)


@dataclass(frozen=True, slots=True)
class Sums:
    """A cell and what it is of. week : its Monday. device : of the frontal film. finding : "" where it is of the draft."""

    week: date
    device: str
    statistic: str
    finding: str
    cell: Cell


def drafts_by_week(session: Session, made_with: MadeWith, since: date, until: date) -> dict[date, int]:
    """Number of standing drafts by the Monday of their studies' weeks. since, until : first day, and the day after the last."""
    week = _monday(session)
    query = select(week, func.count()).select_from(DraftRow).join(StudyRow, StudyRow.id == DraftRow.study_id)
    rows = session.execute(query.where(*_these(made_with, since, until)).group_by(week).order_by(week))
    return {_date(key): number for key, number in rows}


def sums_by_week(session: Session, made_with: MadeWith, since: date, until: date) -> Iterator[Sums]:
    """Yield every statistic of every week and device. A study without a date is in no week."""
    of_drafts = _beside(session, OF_DRAFTS)
    of_findings = _beside(session, OF_FINDINGS, FindingRow.finding).join(FindingRow, FindingRow.draft_id == DraftRow.id)
    same = and_(
        AgreementRow.draft_id == DraftRow.id, AgreementRow.finding == FindingRow.finding, AgreementRow.name == ""
    )
    where = _these(made_with, since, until)
    yield from _sums(session, of_drafts.where(*where), OF_DRAFTS)
    yield from _sums(session, of_findings.outerjoin(AgreementRow, same).where(*where), OF_FINDINGS)


def _beside(session: Session, statistics: Mapping[Watched, Columns], *by: Any) -> Select[Any]:
    """All statistics at once, by week, device and what else is named."""
    keys = [_monday(session), *DEVICE, *by]
    columns = [column for one in statistics.values() for column in one]
    query = select(*keys, *columns).select_from(DraftRow).join(StudyRow, StudyRow.id == DraftRow.study_id)
    query = query.outerjoin(JudgementRow, JudgementRow.draft_id == DraftRow.id)
    return query.outerjoin(ImageRow, ImageRow.id == first_frontal()).group_by(*keys)


def _these(made_with: MadeWith, since: date, until: date) -> list[ColumnElement[bool]]:
    days = [StudyRow.studied_at >= _midnight(since), StudyRow.studied_at < _midnight(until)]
    calibration = func.coalesce(DraftRow.calibration_sha256, "") == (made_with.calibration_sha256 or "")
    return [*days, DraftRow.weights_sha256 == made_with.weights_sha256, calibration, stands(shadow=True)]


def _sums(session: Session, query: Select[Any], statistics: Mapping[Watched, Columns]) -> Iterator[Sums]:
    width = len(next(iter(statistics.values())))
    for week, *rest in session.execute(query):
        device, rest = device_name(*rest[: len(DEVICE)]), rest[len(DEVICE) :]
        finding, rest = (rest[0], rest[1:]) if len(rest) % width else ("", rest)
        for place, statistic in enumerate(statistics):
            studies, *sums = rest[width * place : width * (place + 1)]
            if studies:
                yield Sums(_date(week), device, statistic, finding, Cell(studies, *map(float, sums)))


def _monday(session: Session) -> ColumnElement[Any]:
    """First day of a study's week."""
    if session.get_bind().dialect.name == "sqlite":
        return func.date(StudyRow.studied_at, "weekday 0", "-6 days")
    return func.date_trunc("week", StudyRow.studied_at)


def _date(monday: Any) -> date:
    return date.fromisoformat(str(monday)[:10])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
