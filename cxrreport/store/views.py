"""Everything there is to show of one study: the draft that stands, its prior and that one's report, references, failure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cxrreport import addenda
from cxrreport.codes import Abstained, Flag, describe
from cxrreport.drafts import DraftStatus, Finding, Provenance, Region, Review, Span, text_of
from cxrreport.errors import UsageError
from cxrreport.records import blank_placeholder
from cxrreport.store.reports import signed_reports
from cxrreport.store.reviews import newest_review
from cxrreport.store.schema import (
    DraftRow,
    FindingRow,
    PatientRow,
    ReferenceRow,
    RegionRow,
    ReportRow,
    SpanRow,
    StudyRow,
)
from cxrreport.store.standing import heard, standing
from cxrreport.store.undrafted import FailureFacts, why_undrafted

MAX_ID = 2**63 - 1
_NAMED = 5  # studies of one accession number that a message names


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Whose study it is; the archive knows no names. `mrn` tells patients apart, `number` is what a reader is told."""

    patient_id: int
    issuer: str
    mrn: str
    birth_date: date | None
    sex: str

    @property
    def number(self) -> str:
        """The hospital's number; "" where the header named nobody."""
        return blank_placeholder(self.mrn)


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What names one study to a radiologist; `indication` is that of its headers, else of its signed report."""

    study_id: int
    uid: str
    accession: str
    studied_at: datetime | None
    time_known: bool
    description: str
    institution: str
    age_years: float | None
    indication: str | None = None

    @property
    def age(self) -> str:
        """In whole years ("74 y"); "" = unknown."""
        return "" if self.age_years is None else f"{int(self.age_years)} y"

    @property
    def day(self) -> str:
        """YYYY-MM-DD; "" = unknown."""
        return f"{self.studied_at:%Y-%m-%d}" if self.studied_at else ""

    @property
    def moment(self) -> str:
        """The day, with hours and minutes where they are known."""
        return f"{self.studied_at:%Y-%m-%d %H:%M}" if self.studied_at and self.time_known else self.day


@dataclass(frozen=True, slots=True)
class RetrievedReport:
    """A reference of the draft, with the text as the archive holds it now.

    Accession number and date are those of its study where the report itself has none.
    """

    rank: int
    report_id: int
    score: float
    weight: float
    accession: str
    reported_at: datetime | None
    findings: str
    impression: str
    indication: str | None = None


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """One draft with all its rows, and the verdict that holds of it.

    finding_rows : as readers are told; withheld : those of which they are told less than the draft holds, with all of it.
    distance, abstained : as in `Draft`.
    """

    draft_id: int
    status: DraftStatus
    run_id: int
    created_at: datetime
    prior_reason: str
    findings: str
    impression: str
    comparison: str
    priority: str | None
    priority_reason: str | None
    confidence: float | None
    flags: tuple[str, ...]
    provenance: Provenance
    finding_rows: tuple[Finding, ...]
    spans: tuple[Span, ...]
    regions: tuple[Region, ...]
    references: tuple[RetrievedReport, ...]
    review: Review | None = None
    withheld: tuple[Finding, ...] = ()
    distance: float | None = None
    abstained: str = ""

    @property
    def all_rows(self) -> tuple[Finding, ...]:
        """All findings as the draft holds them."""
        whole = {row.finding for row in self.withheld}
        return (*(row for row in self.finding_rows if row.finding not in whole), *self.withheld)

    @property
    def not_assessed(self) -> tuple[str, ...]:
        """Findings of which the draft tells nothing, since the tool has not proved itself in them here."""
        return tuple(row.finding for row in self.withheld if row.withheld == "state")

    @property
    def text(self) -> str:
        """Findings and impression: what a reader judges, and edits."""
        return text_of(self.findings, self.impression)

    @property
    def not_drafted(self) -> str:
        """A sentence of why readers get no text; "" where they get one."""
        return f"Not drafted: {describe(Abstained, self.abstained)}." if self.abstained else ""

    def told(self) -> DraftFacts:
        """As readers get it: of a study that is abstained from, why, and nothing that the network made of it."""
        if not self.abstained:
            return self
        nothing: dict[str, Any] = dict.fromkeys(("finding_rows", "withheld", "spans", "regions", "references"), ())
        return replace(self, findings=self.not_drafted, impression="", comparison="", confidence=None, **nothing)


@dataclass(frozen=True, slots=True)
class PriorReport:
    """What was said of the prior: `source` is "report", signed in the archive, or "draft"."""

    source: str
    reported_at: datetime | None
    findings: str
    impression: str


@dataclass(frozen=True, slots=True)
class DraftView:
    """One study; `draft` is None where none was made yet, `prior` where the draft was made without one.

    `prior_report` is None where there is no prior, or neither a signed report nor a draft of it; one that was rejected is none.
    What was made in shadow is not shown; `in_shadow` tells that such a draft stands, `unproved` that it
    is there because no finding has proved itself yet.
    """

    patient: PatientFacts
    study: StudyFacts
    prior: StudyFacts | None
    prior_report: PriorReport | None
    draft: DraftFacts | None
    failure: FailureFacts | None
    in_shadow: bool = False
    unproved: bool = False


def draft_view(session: Session, study_key: str) -> DraftView:
    """Return what there is of the study that `study_key` names.

    Parameters
    ----------
    study_key : StudyInstanceUID, accession number or database id.

    Raises
    ------
    UsageError : no study has the key, or more than one.
    """
    return study_view(session, find_study(session, study_key))


def study_view(session: Session, study: StudyRow) -> DraftView:
    """Return what there is of one study."""
    patient = session.get_one(PatientRow, study.patient_id)
    latest = standing(session, study.id, shadow=True)
    row = standing(session, study.id) if latest and latest.shadow else latest
    prior = session.get(StudyRow, row.prior_study_id) if row and row.prior_study_id else None
    return DraftView(
        patient=PatientFacts(patient.id, patient.issuer, patient.mrn, patient.birth_date, patient.sex),
        study=_study_facts(session, study),
        prior=_study_facts(session, prior) if prior else None,
        prior_report=_prior_report(session, prior.id) if prior else None,
        draft=draft_facts(session, row).told() if row else None,
        failure=why_undrafted(session, study.id, drafted=row is not None),
        in_shadow=latest is not None and latest.shadow,
        unproved=latest is not None and latest.shadow and Flag.UNPROVED in latest.flags,
    )


def find_study(session: Session, study_key: str) -> StudyRow:
    """Return the study that `study_key` names, as `draft_view` does.

    Raises
    ------
    UsageError : no study has it, or more than one.
    """
    study = _look_up(session, study_key.strip())
    if study is None:
        raise UsageError("No study of the archive has this UID, accession number or id.", "study.unknown")
    return study


def _look_up(session: Session, key: str) -> StudyRow | None:
    """Find one study; a key that is one study's accession number and another's id is never guessed."""
    if not key:
        return None
    if study := session.scalar(select(StudyRow).where(StudyRow.uid == key)):
        return study
    matches = [StudyRow.accession == key]
    if key.isascii() and key.isdigit() and int(key) <= MAX_ID:
        matches.append(StudyRow.id == int(key))
    found = session.scalars(select(StudyRow).where(or_(*matches)).order_by(StudyRow.id).limit(_NAMED + 1)).all()
    if len(found) > 1:
        ids = ", ".join([*(str(one.id) for one in found[:_NAMED]), *(["…"] if len(found) > _NAMED else [])])
        raise UsageError(f"This names more than one study (ids {ids}); give the id of one, or its StudyInstanceUID.")
    return found[0] if found else None


def _study_facts(session: Session, row: StudyRow) -> StudyFacts:
    reports = signed_reports(session, [row.id]).get(row.id, []) if row.indication is None else []
    told = [row.indication, *(report.indication for report in reversed(reports))]
    indication = next(filter(None, told), None)
    own = [name for name in StudyFacts.__slots__ if name not in ("study_id", "indication")]
    return StudyFacts(row.id, **{name: getattr(row, name) for name in own}, indication=indication)


def _prior_report(session: Session, study_id: int) -> PriorReport | None:
    """Return the latest signed report, of two of one time the corrected; else the draft."""
    for latest in reversed(signed_reports(session, [study_id]).get(study_id, [])):
        if (latest.findings + latest.impression).strip():
            impression = addenda.behind(latest.impression, latest.addendum or "")
            return PriorReport("report", latest.reported_at, latest.findings, impression)
    draft = heard(session, study_id)
    return PriorReport("draft", None, draft.findings, draft.impression) if draft else None


def draft_facts(session: Session, row: DraftRow) -> DraftFacts:
    """Return one draft with all its rows."""
    told = ("prior_reason", "findings", "impression", "comparison", "priority", "priority_reason", "confidence")
    own = ("status", "run_id", "created_at", "distance", "abstained", *told)
    rows = _parts(session, row.id, FindingRow, Finding)
    return DraftFacts(
        draft_id=row.id,
        **{name: getattr(row, name) for name in own},
        flags=tuple(row.flags),
        provenance=Provenance(**{name: getattr(row, name) for name in Provenance.__slots__}),
        finding_rows=tuple(told for one in rows if (told := one.told())),
        spans=_parts(session, row.id, SpanRow, Span),
        regions=_parts(session, row.id, RegionRow, Region),
        references=_references(session, row.id),
        review=newest_review(session, row.id),
        withheld=tuple(one for one in rows if one.withheld),
    )


def _parts(session: Session, draft_id: int, table: Any, record: Any) -> tuple[Any, ...]:
    """Return the rows of one table as records, in the order they were saved."""
    rows = session.scalars(select(table).where(table.draft_id == draft_id).order_by(table.id))
    return tuple(record(**{name: getattr(row, name) for name in record.__slots__}) for row in rows)


def _references(session: Session, draft_id: int) -> tuple[RetrievedReport, ...]:
    rows = session.execute(
        select(ReferenceRow, ReportRow, StudyRow)
        .join(ReportRow, ReportRow.id == ReferenceRow.report_id)
        .outerjoin(StudyRow, StudyRow.id == ReportRow.study_id)
        .where(ReferenceRow.draft_id == draft_id)
        .order_by(ReferenceRow.rank)
    )
    return tuple(_reference(*row) for row in rows)


def _reference(used: ReferenceRow, report: ReportRow, study: StudyRow | None) -> RetrievedReport:
    accession = report.accession or (study.accession if study else "")
    dated = report.reported_at or (study.studied_at if study else None)
    said = (report.findings, addenda.behind(report.impression, report.addendum or ""), report.indication)
    return RetrievedReport(used.rank, used.report_id, used.score, used.weight, accession, dated, *said)
