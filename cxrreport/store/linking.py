"""Which study and patient a report of the archive belongs to. In doubt it stays unlinked.

A report tells its study by UID, else by accession number (of several studies of one order the date decides), else by
patient and time: a study of that patient at most `WINDOW` before the report, if there is exactly one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from cxrreport.records import blank_placeholder
from cxrreport.store.engine import BATCH, batches
from cxrreport.store.schema import PatientRow, ReportRow, StudyRow

WINDOW = timedelta(days=7)
_STUDY = (StudyRow.id, StudyRow.accession, StudyRow.studied_at, StudyRow.patient_id, PatientRow.issuer, PatientRow.mrn)
Known = Any  # a row: the columns of `_STUDY`, then the key


@dataclass(frozen=True, slots=True)
class Identity:
    """What a report says of the study and the patient it belongs to; blank where it does not say."""

    study_uid: str
    accession: str
    issuer: str
    mrn: str
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The study and the patient found for a report; `ambiguous` where several studies fit and none was taken."""

    study_id: int | None
    patient_id: int | None
    ambiguous: bool = False


def link_reports(session: Session) -> int:
    """Link reports that came before their study; return how many now have one.

    A link by accession number, or by patient and time, is undone where a second study that fits has turned up since.
    """
    linked = after_id = 0
    while rows := session.scalars(_linkable().where(ReportRow.id > after_id).order_by(ReportRow.id).limit(BATCH)).all():
        after_id = rows[-1].id
        links = resolve(session, [identity_of(row) for row in rows])
        for row, link in zip(rows, links):
            linked += row.study_id is None and link.study_id is not None
            row.study_id, row.patient_id = link.study_id, link.patient_id
        session.flush()
        session.expunge_all()  # memory does not grow with the archive
    return linked


def identity_of(row: ReportRow) -> Identity:
    """Return the identifiers of a stored report."""
    return Identity(row.study_uid, row.accession, row.issuer, blank_placeholder(row.mrn), row.reported_at)


def resolve(session: Session, identities: Sequence[Identity]) -> list[Link]:
    """Find study and patient of each report.

    The study comes from the study UID, or where the report has none from an accession number that only one study has, or
    only one at most `WINDOW` before the report; where no study has that number either, from patient and time. A study of
    another patient than the report's, or with another accession number, is never taken. The patient comes from the study,
    else from issuer and number, else from a number that only one issuer uses.
    """
    by_uid = _studies(session, StudyRow.uid, (i.study_uid for i in identities))
    by_accession = _studies(session, StudyRow.accession, (i.accession for i in identities if not i.study_uid))
    by_patient = _studies(session, PatientRow.mrn, (i.mrn for i in identities if _asks_time(i, by_accession)))
    patients = _patients(session, (i.mrn for i in identities))
    links = []
    for identity in identities:
        if identity.study_uid:
            rows = by_uid[identity.study_uid]
        elif _asks_time(identity, by_accession):
            rows = [row for row in by_patient[identity.mrn] if _fits_time(identity, row)]
        else:
            rows = by_accession[identity.accession]
        fitting = _by_date(identity, [row for row in rows if _same_patient(identity, row)])
        if len(fitting) == 1:
            links.append(Link(fitting[0].id, fitting[0].patient_id))
        else:
            links.append(Link(None, _find_patient(identity, patients[identity.mrn]), len(fitting) > 1))
    return links


def _by_date(identity: Identity, rows: list[Known]) -> list[Known]:
    """Of several studies, the one that the report was written after, where there is exactly one; else all of them."""
    written = [row for row in rows if _is_after(identity, row)] if len(rows) > 1 else rows
    return written if len(written) == 1 else rows


def _asks_time(identity: Identity, by_accession: defaultdict[str, list[Known]]) -> bool:
    """Is patient and time all there is to go by?"""
    if identity.study_uid or not identity.mrn or identity.reported_at is None:
        return False
    return not (identity.accession and by_accession[identity.accession])


def _fits_time(identity: Identity, row: Known) -> bool:
    return not (identity.accession and row.accession) and _is_after(identity, row)


def _is_after(identity: Identity, row: Known) -> bool:
    """Tell whether the report was written within `WINDOW` after the study; midnight stands for a day without a time."""
    studied_at, reported_at = row.studied_at, identity.reported_at
    if studied_at is None or reported_at is None:
        return False
    latest = reported_at.replace(tzinfo=None)
    if latest.time() == time.min:
        latest += timedelta(days=1, microseconds=-1)
    return bool(studied_at <= latest and reported_at.replace(tzinfo=None) <= studied_at + WINDOW)


def _studies(
    session: Session, column: InstrumentedAttribute[str], keys: Iterable[str]
) -> defaultdict[str, list[Known]]:
    found: defaultdict[str, list[Known]] = defaultdict(list)
    for batch in batches({key for key in keys if key}):
        query = select(*_STUDY, column.label("key")).join(PatientRow, PatientRow.id == StudyRow.patient_id)
        for row in session.execute(query.where(column.in_(batch))):
            found[row.key].append(row)
    return found


def _patients(session: Session, mrns: Iterable[str]) -> defaultdict[str, list[tuple[int, str]]]:
    found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for batch in batches({mrn for mrn in mrns if mrn}):
        query = select(PatientRow.mrn, PatientRow.id, PatientRow.issuer).where(PatientRow.mrn.in_(batch))
        for mrn, patient_id, issuer in session.execute(query):
            found[mrn].append((patient_id, issuer))
    return found


def _same_patient(identity: Identity, row: Known) -> bool:
    """Tell whether nothing speaks against it: a blank number or issuer does not."""
    return identity.mrn in ("", row.mrn) and (not row.issuer or identity.issuer in ("", row.issuer))


def _find_patient(identity: Identity, patients: list[tuple[int, str]]) -> int | None:
    exact = [key for key, issuer in patients if issuer == identity.issuer]
    if exact:
        return exact[0]
    return patients[0][0] if not identity.issuer and len(patients) == 1 else None


def _linkable() -> Select[ReportRow]:
    """Select unlinked reports that something in the catalogue matches, and links that have become ambiguous."""
    unlinked, no_uid = ReportRow.study_id.is_(None), ReportRow.study_uid == ""
    by_accession = and_(no_uid, ReportRow.accession != "")
    twice = select(StudyRow.accession).group_by(StudyRow.accession).having(func.count() > 1)
    known_accession = ReportRow.accession.in_(select(StudyRow.accession))
    known_patient = and_(ReportRow.mrn != "", ReportRow.mrn.in_(select(PatientRow.mrn)))
    return select(ReportRow).where(
        or_(
            and_(unlinked, ~no_uid, ReportRow.study_uid.in_(select(StudyRow.uid))),
            and_(unlinked, by_accession, known_accession),
            and_(~unlinked, by_accession, ReportRow.accession.in_(twice)),
            and_(no_uid, known_patient, ReportRow.reported_at.is_not(None), or_(unlinked, ~known_accession)),
            and_(ReportRow.patient_id.is_(None), known_patient),
        )
    )
