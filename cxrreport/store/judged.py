"""Judged drafts, page by page, with what they can be grouped by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from cxrreport.drafts import ReviewStatus
from cxrreport.findings import FINDINGS, NO_FINDING, Change, State, Tier
from cxrreport.mistakes import Dimension, Mistake, Verdict
from cxrreport.store.engine import session as opened
from cxrreport.store.films import DEVICE, device_name, first_frontal
from cxrreport.store.listing import check_days
from cxrreport.store.outcomes import SAID, AgreementRow, JudgementRow, ReviewRow
from cxrreport.store.schema import DraftRow, FindingRow, ImageRow, PatientRow, StudyRow
from cxrreport.store.standing import stands

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Agreed:
    """One finding of a judged draft, as `AgreementRow` has it."""

    finding: str
    name: str
    verdict: str
    dimension: str
    tier: str
    drafted: State
    signed: State
    drafted_change: Change | None
    signed_change: Change | None

    @property
    def mistake(self) -> Mistake:
        """The verdict."""
        told = Verdict(self.verdict), Dimension(self.dimension), Tier[self.tier.upper()]
        return Mistake(self.finding, self.name, *told)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many judged drafts say one thing of one finding, and how many of them are of recent studies."""

    finding: str
    drafted: State
    signed: State
    drafted_change: Change | None
    signed_change: Change | None
    has_prior: bool
    studies: int
    recent: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged draft, what made it, and its study.

    probabilities : by finding. withheld : findings of which its text tells nothing. shadow, abstained : as in `DraftRow`.
    device : of the frontal film. reader : who judged it, or "".
    """

    draft_id: int
    study_id: int
    patient_id: int
    at: datetime
    has_prior: bool
    errors: int
    edits: float
    findings: tuple[Agreed, ...]
    probabilities: dict[str, float]
    withheld: frozenset[str]
    shadow: bool
    abstained: str
    sex: str
    age_years: float | None
    institution: str
    view: str
    device: str
    reader: str
    review: ReviewStatus | None
    comment: str | None
    calibration_sha256: str | None
    index_version: str


def judged_pages(engine: Engine, weights_sha256: str, since: date | None, until: date | None) -> Iterator[list[Judged]]:
    """Yield the judged drafts that these weights made, of studies from a first to a last day, page by page.

    Raises
    ------
    UsageError : the first day comes after the last.
    """
    check_days(since, until)
    first = datetime.combine(since, time.min) if since else None
    end = datetime.combine(until, time.min) + timedelta(days=1) if until else None
    last = 0
    while True:
        with opened(engine, read_only=True) as s:
            page = judged_drafts(s, weights_sha256, first, end, last, _PAGE)
        if not page:
            return
        last = page[-1].draft_id
        yield page


def judged_drafts(
    session: Session, weights_sha256: str, since: datetime | None, until: datetime | None, after_id: int, limit: int
) -> list[Judged]:
    """Return the next judged drafts, by id, that stand and that these weights made.

    since, until : of the studies, the end excluded; a study without a date has that of its draft.
    """
    at = func.coalesce(StudyRow.studied_at, DraftRow.created_at)
    wanted = [DraftRow.id > after_id, DraftRow.weights_sha256 == weights_sha256]
    wanted += [at >= since] if since else []
    wanted += [at < until] if until else []
    return _judged(session, wanted, limit)


def judged_of(session: Session, draft_ids: Sequence[int]) -> list[Judged]:
    """Return those of these drafts that stand and are judged, by id."""
    return _judged(session, [DraftRow.id.in_(draft_ids)], len(draft_ids))


def _judged(session: Session, wanted: Sequence[ColumnElement[bool]], limit: int) -> list[Judged]:
    query = _beside().where(stands(shadow=True), SAID, *wanted)
    rows = session.execute(query.order_by(DraftRow.id).limit(limit)).all()
    ids = [draft.id for draft, *_ in rows]
    agreed, tables, read = _agreed(session, ids), _tables(session, ids), _reviews(session, ids)
    found = []
    for draft, study, sex, judgement, view, *device in rows:
        review = read.get(draft.id)
        likely, withheld = tables.get(draft.id, ({}, set()))
        found.append(
            Judged(
                draft.id, study.id, study.patient_id, study.studied_at or draft.created_at.replace(tzinfo=None),
                draft.prior_study_id is not None, judgement.errors or 0, judgement.edits or 0.0,
                tuple(agreed.get(draft.id, ())), likely, frozenset(withheld), draft.shadow, draft.abstained,
                study.sex or sex, study.age_years,
                study.institution, str(view or ""), device_name(*device),
                review.reviewer if review else "", review.status if review else None, review.comment if review else None,
                draft.calibration_sha256, draft.index_version,
            )
        )  # fmt: skip
    return found


def _beside() -> Select[*tuple[Any, ...]]:
    """Judged drafts with study, sex, judgement, and view and device of the first frontal film."""
    columns = (DraftRow, StudyRow, PatientRow.sex, JudgementRow, ImageRow.view, *DEVICE)
    query = select(*columns).join(StudyRow, StudyRow.id == DraftRow.study_id)
    query = query.join(PatientRow, PatientRow.id == StudyRow.patient_id)
    query = query.join(JudgementRow, JudgementRow.draft_id == DraftRow.id)
    return query.outerjoin(ImageRow, ImageRow.id == first_frontal())


def counted(
    session: Session,
    weights_sha256: str,
    calibration_sha256: str | None,
    since: datetime,
    recent: datetime,
    until: datetime,
) -> list[Counted]:
    """Count what is told by judged drafts that stand and that readers may get: those abstained from are left out.

    since, until : of the studies, as `judged_drafts` has them. recent : since when a study is recent. Of what neither draft nor
    report tells there is no row.
    """
    at, has_prior = func.coalesce(StudyRow.studied_at, DraftRow.created_at), DraftRow.prior_study_id.is_not(None)
    said = (AgreementRow.drafted, AgreementRow.signed, AgreementRow.drafted_change, AgreementRow.signed_change)
    alike = (AgreementRow.finding, *said, has_prior.label("has_prior"))
    made = _made_with(weights_sha256, calibration_sha256), _dated(since, until)
    gated = AgreementRow.name == "", AgreementRow.finding.in_(FINDINGS[:NO_FINDING])
    query = select(*alike, func.count(), func.sum(case((at >= recent, 1), else_=0))).select_from(AgreementRow)
    query = query.join(DraftRow, DraftRow.id == AgreementRow.draft_id).join(StudyRow, StudyRow.id == DraftRow.study_id)
    query = query.where(*made, *gated, stands(shadow=True))
    return [Counted(*row) for row in session.execute(query.group_by(*alike))]


class Record(NamedTuple):
    """Judged drafts of studies of some days that stand, and those of them that count for what is in use."""

    judged: int
    of_use: int


def record(
    session: Session, weights_sha256: str, calibration_sha256: str | None, since: datetime, until: datetime
) -> Record:
    """Count judged drafts, whatever they tell; which days they are of, and what counts, is as in `counted`."""
    of_use = case((_made_with(weights_sha256, calibration_sha256), 1))
    query = select(func.count(), func.count(of_use)).select_from(JudgementRow)
    query = query.join(DraftRow, DraftRow.id == JudgementRow.draft_id).join(StudyRow, StudyRow.id == DraftRow.study_id)
    return Record._make(session.execute(query.where(SAID, stands(shadow=True), _dated(since, until))).one())


def _made_with(weights_sha256: str, calibration_sha256: str | None) -> ColumnElement[bool]:
    """Drafts of these weights with this calibration that readers may get."""
    weights, calibration = DraftRow.weights_sha256 == weights_sha256, DraftRow.calibration_sha256 == calibration_sha256
    return and_(weights, calibration, DraftRow.abstained == "")


def _dated(since: datetime, until: datetime) -> ColumnElement[bool]:
    """As `judged_drafts` has the days, but not by one expression: they have an index."""
    made = DraftRow.created_at >= since.astimezone(), DraftRow.created_at < until.astimezone()
    return or_(
        and_(StudyRow.studied_at >= since, StudyRow.studied_at < until), and_(StudyRow.studied_at.is_(None), *made)
    )


def _agreed(session: Session, draft_ids: Sequence[int]) -> dict[int, list[Agreed]]:
    found: dict[int, list[Agreed]] = {}
    query = select(AgreementRow).where(AgreementRow.draft_id.in_(draft_ids)).order_by(AgreementRow.id)
    for row in session.scalars(query):
        found.setdefault(row.draft_id, []).append(Agreed(**{name: getattr(row, name) for name in Agreed.__slots__}))
    return found


def _tables(session: Session, draft_ids: Sequence[int]) -> dict[int, tuple[dict[str, float], set[str]]]:
    """Probability by finding, and findings that are withheld, of each draft."""
    found: dict[int, tuple[dict[str, float], set[str]]] = {}
    query = select(FindingRow.draft_id, FindingRow.finding, FindingRow.probability, FindingRow.withheld)
    for draft_id, finding, probability, withheld in session.execute(query.where(FindingRow.draft_id.in_(draft_ids))):
        likely, kept = found.setdefault(draft_id, ({}, set()))
        likely[finding] = probability
        kept.update({finding} if withheld == "state" else ())
    return found


def _reviews(session: Session, draft_ids: Sequence[int]) -> dict[int, ReviewRow]:
    """The verdict that holds of each draft."""
    query = select(ReviewRow).where(ReviewRow.draft_id.in_(draft_ids)).order_by(ReviewRow.at, ReviewRow.id)
    return {row.draft_id: row for row in session.scalars(query)}
