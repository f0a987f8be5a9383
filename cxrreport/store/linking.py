"""Which study and patient a report of the archive belongs to. In doubt it stays unlinked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from cxrreport.store.batches import BATCH, batches
from cxrreport.store.schema import PatientRow, ReportRow, StudyRow

Known = Row[int, str, str, int, str, str]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a report says of the study and the patient it belongs to; blank where it does not say."""

    study_uid: str
    accession: str
    issuer: str
    mrn: str


@dataclass(frozen=True, slots=True)
class Link:
    """The study and the patient found for a report."""

    study_id: int | None
    patient_id: int | None


def link_reports(session: Session) -> int:
    """Link reports that came before their study; return how many now have one.

    A link by accession number is undone where a second study with that number has turned up since.
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
    return Identity(row.study_uid, row.accession, row.issuer, row.mrn)


def resolve(session: Session, identities: Sequence[Identity]) -> list[Link]:
    """Find study and patient of each report.

    The study comes from the study UID, or where the report has none from an accession number that only one study has.
    A study of another patient than the report's is never taken. The patient comes from the study, else from issuer
    and number, else from a number that only one issuer uses.
    """
    by_uid = _studies(session, StudyRow.uid, (i.study_uid for i in identities))
    by_accession = _studies(session, StudyRow.accession, (i.accession for i in identities if not i.study_uid))
    patients = _patients(session, (i.mrn for i in identities))
    links = []
    for identity in identities:
        rows = by_uid[identity.study_uid] if identity.study_uid else by_accession[identity.accession]
        fitting = [row for row in rows if _same_patient(identity, row)]
        if len(fitting) == 1:
            links.append(Link(fitting[0][0], fitting[0][3]))
        else:
            links.append(Link(None, _find_patient(identity, patients[identity.mrn])))
    return links


def _studies(session: Session, column: object, keys: Iterable[str]) -> defaultdict[str, list[Known]]:
    found: defaultdict[str, list[Known]] = defaultdict(list)
    by_uid = column is StudyRow.uid
    key_column = StudyRow.uid if by_uid else StudyRow.accession
    for batch in batches({key for key in keys if key}):
        query = (
            select(StudyRow.id, StudyRow.uid, StudyRow.accession, PatientRow.id, PatientRow.issuer, PatientRow.mrn)
            .join(PatientRow, PatientRow.id == StudyRow.patient_id)
            .where(key_column.in_(batch))
        )
        for row in session.execute(query):
            found[row[1] if by_uid else row[2]].append(row)
    return found


def _patients(session: Session, mrns: Iterable[str]) -> defaultdict[str, list[tuple[int, str]]]:
    found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for batch in batches({mrn for mrn in mrns if mrn}):
        for row in session.execute(
            select(PatientRow.mrn, PatientRow.id, PatientRow.issuer).where(PatientRow.mrn.in_(batch))
        ):
            found[row[0]].append((row[1], row[2]))
    return found


def _same_patient(identity: Identity, row: Known) -> bool:
    """Tell whether nothing speaks against it: a blank number or issuer does not."""
    issuer, mrn = row[4], row[5]
    return (not identity.mrn or identity.mrn == mrn) and (
        not identity.issuer or not issuer or identity.issuer == issuer
    )


def _find_patient(identity: Identity, patients: list[tuple[int, str]]) -> int | None:
    exact = [key for key, issuer in patients if issuer == identity.issuer]
    if exact:
        return exact[0]
    return patients[0][0] if not identity.issuer and len(patients) == 1 else None


def _linkable() -> Select[ReportRow]:
    """Select unlinked reports that something in the catalogue matches, and links that have become ambiguous."""
    twice = select(StudyRow.accession).group_by(StudyRow.accession).having(func.count() > 1)
    by_accession = and_(ReportRow.study_uid == "", ReportRow.accession != "")
    return select(ReportRow).where(
        or_(
            and_(
                ReportRow.study_id.is_(None),
                or_(
                    and_(ReportRow.study_uid != "", ReportRow.study_uid.in_(select(StudyRow.uid))),
                    and_(by_accession, ReportRow.accession.in_(select(StudyRow.accession))),
                ),
            ),
            and_(ReportRow.patient_id.is_(None), ReportRow.mrn != "", ReportRow.mrn.in_(select(PatientRow.mrn))),
            and_(ReportRow.study_id.is_not(None), by_accession, ReportRow.accession.in_(twice)),
        )
    )
