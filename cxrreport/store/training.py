"""Studies that training may learn from: a frontal film in use and a signed report with findings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from cxrreport.findings import State
from cxrreport.records import Study, View
from cxrreport.store.amendments import SIGNED
from cxrreport.store.catalogue import studies
from cxrreport.store.engine import batches
from cxrreport.store.reports import holding
from cxrreport.store.schema import ImageRow, PatientRow, ReportRow, StudyRow

BUCKETS = 10
_FRONTAL = tuple(view for view in View if view.is_frontal)


@dataclass(frozen=True, slots=True)
class SignedStudy:
    """A study and what was signed of it; `labels` as stored, empty where nobody has labelled the report.

    `bucket` (0..9) is its patient's, see `patient_bucket`. `indication` is that of its headers, else of the report.
    `amended` where the report has an addendum, which the labels tell and the sections do not.
    """

    study: Study
    findings: str
    impression: str
    labels: Mapping[str, State]
    bucket: int
    indication: str = ""
    amended: bool = False


def patient_bucket(issuer: str, mrn: str) -> int:
    """One of ten parts of all patients, the same in every database and whoever else there is.

    First 8 hexadecimal digits of the sha256 of "<length of issuer>:<issuer><mrn>", modulo 10.
    """
    return int(hashlib.sha256(f"{len(issuer)}:{issuer}{mrn}".encode()).hexdigest()[:8], 16) % BUCKETS


def signed_studies(session: Session, after_id: int = 0, limit: int = 200) -> list[SignedStudy]:
    """Return the next studies, by id, with a frontal film in use and a final or corrected report with findings.

    Of several reports the latest with a text holds; of two of one time, or without one, the corrected, then the last filed.
    """
    described = (ReportRow.status.in_(SIGNED), func.trim(ReportRow.findings) != "")
    signed = exists().where(ReportRow.study_id == StudyRow.id, *described)
    imaged = exists().where(ImageRow.study_id == StudyRow.id, ImageRow.usable, ImageRow.view.in_(_FRONTAL))
    query = select(StudyRow.id).where(StudyRow.id > after_id, signed, imaged)
    ids = session.scalars(query.order_by(StudyRow.id).limit(limit)).all()
    reports, buckets, found = holding(session, ids, ReportRow), _buckets(session, ids), studies(session, ids)
    told = {study_id: row.ReportRow for study_id, row in reports.items() if row.ReportRow.findings.strip()}
    return [_combine(found[i], told[i], buckets[i]) for i in ids if i in found and i in told]


def _buckets(session: Session, study_ids: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for batch in batches(study_ids):
        query = select(StudyRow.id, PatientRow.issuer, PatientRow.mrn).join(PatientRow)
        rows = session.execute(query.where(StudyRow.id.in_(batch)))
        found.update((study_id, patient_bucket(issuer, mrn)) for study_id, issuer, mrn in rows)
    return found


def _combine(study: Study, report: ReportRow, bucket: int) -> SignedStudy:
    labels = {finding: State(state) for finding, state in report.labels.items()}
    indication = study.indication or report.indication or ""
    return SignedStudy(study, report.findings, report.impression, labels, bucket, indication, bool(report.addendum))
