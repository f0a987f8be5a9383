"""The archive of signed reports: import without doubling, labels, what may be retrieved for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal, not_, or_, select, update
from sqlalchemy.orm import Session

from cxrreport.findings import State
from cxrreport.records import Report, ReportStatus, Study, blank_placeholder
from cxrreport.store.amendments import (
    RANK,
    SIGNED,
    adds_alone,
    digest,
    fill,
    identity_sha256,
    only_adds,
    take_in,
    text_sha256,
)
from cxrreport.store.columns import short
from cxrreport.store.engine import batches
from cxrreport.store.linking import Identity, Link, resolve
from cxrreport.store.passages import HAS_TEXT
from cxrreport.store.schema import PatientRow, ReportRow, StudyRow

LabelledReport = tuple[Report, Mapping[str, State]]
_WITHDRAWN = ReportRow.status == ReportStatus.WITHDRAWN
_HAS_SECTION = or_(func.trim(ReportRow.impression) != "", func.trim(ReportRow.findings) != "")


def add_reports(session: Session, reports: Sequence[LabelledReport], label_source: str = "") -> Counter[str]:
    """Import reports with the labels that `label_source` gave; importing the same twice doubles nothing.

    A report is the same one as before if it names the same study UID, or accession number, of the same patient; where
    it names neither, if source and external id agree. A report with an accession number and one that names the study UID
    besides are one. An addition that names no patient, or the study UID alone, belongs to the one report that it fits.
    What holds is told by `amendments.take_in`; it replaces the stored text in place and keeps its id, so that references
    of drafts still hold. An addition goes behind the stored text; what it changes has no labels until `outdated_labels`
    are given. A withdrawn report loses its text and keeps its row, so that an older copy read later is not taken for a
    new report.

    Returns
    -------
    How many are "added", "replaced" or "unchanged"; "linked" to a study of the catalogue; "ambiguous", as several studies
    fit (they stay unlinked); "withdrawn" among the added and replaced, as they only say that a report no longer holds.
    """
    counts: Counter[str] = Counter()
    for batch in batches(reports):
        _add_batch(session, batch, label_source, counts)
    return counts


def _add_batch(session: Session, batch: list[LabelledReport], label_source: str, counts: Counter[str]) -> None:
    links = resolve(session, [_identity(report) for report, _ in batch])
    known = _Known(session, [report for report, _ in batch], links)
    for (report, labels), link in zip(batch, links):
        row = known.find(report, link.study_id)
        if row is None:
            outcome, row = "added", ReportRow(identity_sha256=identity_sha256(report))
            session.add(row)
            fill(row, report)
        else:
            outcome = "replaced" if take_in(row, report) else "unchanged"
        counts[outcome] += 1
        counts["linked"] += link.study_id is not None
        counts["ambiguous"] += link.ambiguous
        counts["withdrawn"] += outcome != "unchanged" and report.status is ReportStatus.WITHDRAWN
        if row.text_sha256 == text_sha256(report, row.identity_sha256) and row.status is not ReportStatus.WITHDRAWN:
            row.labels, row.label_source = as_stored(labels), label_source
            row.indication = row.indication or report.indication or None
        if (outcome != "unchanged" and row.amended_at is None) or row.study_id is None:
            row.study_id, row.patient_id = link.study_id, link.patient_id
        if outcome != "unchanged":
            known.add(row)
    session.flush()


class _Known:
    """Stored reports that those of a batch may be."""

    def __init__(self, session: Session, batch: list[Report], links: list[Link]) -> None:
        self._numbers = _accessions(session, {link.study_id for link in links if link.study_id is not None})
        self._by_number: dict[str, list[ReportRow]] = {}
        self._by_key: dict[str, ReportRow] = {}
        self._by_accession: dict[tuple[str, str, str], list[ReportRow]] = {}
        keys = {identity_sha256(report) for report in batch}
        accessions = {short(report.accession) for report in batch} | {*self._numbers.values()} - {""}
        uids = {short(report.study_uid) for report in batch} - {""}
        named = or_(
            ReportRow.accession.in_(accessions), ReportRow.study_uid.in_(uids), ReportRow.study_id.in_(self._numbers)
        )
        wanted = select(ReportRow).where(or_(ReportRow.identity_sha256.in_(keys), named))
        for row in session.scalars(wanted.order_by(ReportRow.id)):
            self.add(row)

    def add(self, row: ReportRow) -> None:
        """Take in a row that is new or has changed."""
        self._by_key[row.identity_sha256] = row
        if row.study_uid:  # learnt after the accession number that the row is known by
            self._by_key.setdefault(digest("study", row.study_uid, row.issuer, row.mrn), row)
        rows = self._by_accession.setdefault((row.accession, row.issuer, row.mrn), [])
        if row.accession and row not in rows:
            rows.append(row)
        of_number = self._by_number.setdefault(self._number(row, row.study_id), [])
        if row not in of_number:
            of_number.append(row)

    def find(self, report: Report, study_id: int | None) -> ReportRow | None:
        """The stored row of the same report, which is of this study as far as is known."""
        if row := self._by_key.get(identity_sha256(report)):
            return row
        rows = self._by_accession.get((short(report.accession), short(report.issuer), short(report.patient_id)), [])
        same = [row for row in rows if not report.study_uid or row.study_uid in ("", short(report.study_uid))]
        return same[0] if len(same) == 1 else self._counterpart(report, study_id)

    def _counterpart(self, report: Report, study_id: int | None) -> ReportRow | None:
        """The one report that an addition fits which names less, no patient or the study UID alone; or that addition."""
        number = self._number(report, study_id)
        if not number or report.status is ReportStatus.WITHDRAWN:
            return None
        fitting = [row for row in self._by_number.get(number, []) if _agree(row, report)]
        whole, alone = ([row for row in fitting if adds_alone(row) is alone] for alone in (False, True))
        wanted = whole if only_adds(report) else [] if whole else alone
        return wanted[0] if len(wanted) == 1 else None

    def _number(self, said: Report | ReportRow, study_id: int | None) -> str:
        """The accession number, its own or that of the study that its UID names."""
        return short(said.accession) or (self._numbers.get(study_id or 0, "") if said.study_uid else "")


def _accessions(session: Session, study_ids: Collection[int]) -> dict[int, str]:
    query = select(StudyRow.id, StudyRow.accession).where(StudyRow.id.in_(study_ids))
    return {study_id: accession for study_id, accession in session.execute(query)}


def _agree(row: ReportRow, report: Report) -> bool:
    """Does what both say of themselves agree?"""
    said = (report.issuer, report.patient_id, report.accession, report.study_uid)
    stored = (row.issuer, row.mrn, row.accession, row.study_uid)
    return all(not one or not other or one == other for one, other in zip(map(short, said), stored))


def _identity(report: Report) -> Identity:
    uid, accession, issuer = short(report.study_uid), short(report.accession), short(report.issuer)
    return Identity(uid, accession, issuer, blank_placeholder(short(report.patient_id)), report.reported_at)


# -- labels ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredText:
    """A report as it is labelled: its sections and what was added to them."""

    report_id: int
    findings: str
    impression: str
    addendum: str = ""


def outdated_labels(session: Session, source: str, after_id: int, limit: int) -> list[StoredText]:
    """Return the first `limit` reports beyond `after_id`, by id, that another than `source` has labelled.

    A withdrawn report has no text and no labels. One call is one short transaction, as labelling may take long.
    """
    return _texts(session, after_id, limit, ReportRow.label_source != source, not_(_WITHDRAWN))


def texts(session: Session, after_id: int, limit: int) -> list[StoredText]:
    """Return the first `limit` reports beyond `after_id`, by id, that have a text."""
    return _texts(session, after_id, limit, HAS_TEXT)


def _texts(session: Session, after_id: int, limit: int, *where: ColumnElement[bool]) -> list[StoredText]:
    addendum = func.coalesce(ReportRow.addendum, "")
    query = select(ReportRow.id, ReportRow.findings, ReportRow.impression, addendum)
    query = query.where(ReportRow.id > after_id, *where)
    return [StoredText(*row) for row in session.execute(query.order_by(ReportRow.id).limit(limit))]


def set_labels(session: Session, labels: Mapping[int, Mapping[str, State]], source: str) -> None:
    """Put the labels that `source` gave in the place of those that the reports of these ids have."""
    rows = [{"id": one, "labels": as_stored(states), "label_source": source} for one, states in labels.items()]
    if rows:
        session.execute(update(ReportRow), rows)


def as_stored(labels: Mapping[str, State]) -> dict[str, str]:
    """Labels as the JSON of the column."""
    return {finding: State(state).value for finding, state in labels.items()}


# -- reading ----------------------------------------------------------------------------------------------------------


def signed_reports(session: Session, study_ids: Collection[int]) -> dict[int, list[ReportRow]]:
    """Return the signed reports of each study that has any, the latest last; of two of one time the corrected is later."""
    found: dict[int, list[ReportRow]] = {}
    for batch in batches(study_ids):
        query = select(ReportRow).where(ReportRow.study_id.in_(batch), ReportRow.status.in_(SIGNED))
        rows = session.scalars(query).all()
        for row in sorted(rows, key=lateness):
            found.setdefault(row.study_id or 0, []).append(row)  # never 0: it was asked for by its id
    return found


def holding(session: Session, study_ids: Collection[int], *columns: Any) -> dict[int, Row[Any]]:
    """Return these columns of the signed report that holds of each study: of those with a text the latest.

    What it says is the truth of the study: drafts are judged by it, and weights and calibrations learn from it.
    """
    order = (ReportRow.study_id, ReportRow.reported_at, ReportRow.status, ReportRow.id)
    found: dict[int, Row[Any]] = {}
    for batch in batches(study_ids):
        signed = (ReportRow.study_id.in_(batch), ReportRow.status.in_(SIGNED), _HAS_SECTION)
        rows = session.execute(select(*order, *columns).where(*signed))
        found.update((row.study_id, row) for row in sorted(rows, key=lateness))
    return found


def lateness(row: Any) -> tuple[datetime, int, int]:
    """Order reports of one study by: of two the greater holds."""
    return row.reported_at or datetime.min, RANK.index(row.status), row.id


def findings_of(session: Session, report_ids: Collection[int]) -> dict[int, str]:
    """Return the findings section of reports, by id."""
    found: dict[int, str] = {}
    for batch in batches(report_ids):
        rows = session.execute(select(ReportRow.id, ReportRow.findings).where(ReportRow.id.in_(batch)))
        found.update((row[0], row[1]) for row in rows)
    return found


# -- what may be retrieved --------------------------------------------------------------------------------------------


def allowed(session: Session, study: Study, report_ids: Sequence[int], *, undated: bool = False) -> set[int]:
    """Return those of `report_ids` that may be retrieved for `study`: nothing of it, of its patient or of its future.

    Left out are withdrawn reports, reports of the same study or patient (by link, study UID, accession number or patient
    number) and reports not certainly earlier: dated or added to at the study's time or later, on its very day without a
    time, or undated. A report without a date has that of the study it is linked to. One that has neither may be the
    patient's own or a later one; with `undated` it is allowed all the same, where the archive tells no dates. For an
    undated study identity alone decides between dated reports.
    """
    patient = session.get_one(PatientRow, study.patient_id)
    own = _is_own(study, patient.issuer, patient.mrn)
    rules = and_(not_(_WITHDRAWN), not_(own), _is_earlier(study, undated))
    found: set[int] = set()
    for batch in batches(report_ids):
        query = select(ReportRow.id).outerjoin(StudyRow, StudyRow.id == ReportRow.study_id)
        found.update(session.scalars(query.where(ReportRow.id.in_(batch), rules)))
    return found


def _is_own(study: Study, issuer: str, mrn: str) -> ColumnElement[bool]:
    """Match reports of the same study or patient; a blank issuer may be any. NULL counts as no match."""
    own: list[Any] = [
        func.coalesce(ReportRow.study_id == study.id, False),
        func.coalesce(ReportRow.patient_id == study.patient_id, False),
        ReportRow.study_uid == study.uid,
        and_(ReportRow.mrn == mrn, *([ReportRow.issuer.in_([issuer, ""])] if issuer else [])),
    ]
    if study.accession:
        own.append(ReportRow.accession == study.accession)
    return or_(*own)


def _is_earlier(study: Study, undated: bool) -> ColumnElement[bool]:
    """Match reports before the study; COALESCE gives the report's own time, else that of its study, else none."""
    dated_at, amended_at = func.coalesce(ReportRow.reported_at, StudyRow.studied_at), ReportRow.amended_at
    if study.studied_at is None:
        return or_(dated_at.is_not(None), literal(undated))
    studied_at = study.studied_at.replace(tzinfo=None)
    midnight = datetime.combine(studied_at.date(), time.min)
    earlier, finished = (and_(moment < studied_at, moment != midnight) for moment in (dated_at, amended_at))
    return and_(or_(earlier, and_(dated_at.is_(None), literal(undated))), or_(finished, amended_at.is_(None)))
