"""Studies that training may learn from: a frontal film in use, and a signed report with findings or what a reader wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from cxrreport.findings import State
from cxrreport.records import FRONTAL, Study
from cxrreport.store.amendments import SIGNED
from cxrreport.store.catalogue import studies
from cxrreport.store.engine import batches
from cxrreport.store.outcomes import ReviewRow
from cxrreport.store.reports import holding
from cxrreport.store.reviews import newest_review
from cxrreport.store.schema import DraftRow, ImageRow, PatientRow, ReportRow, StudyRow
from cxrreport.store.standing import standing

BUCKETS = 10
_TEST, _VAL = 0, 1  # the others are for training


@dataclass(frozen=True, slots=True)
class SignedStudy:
    """A study and what was signed of it; `labels` as stored, empty where nobody has labelled the report.

    `bucket` (0..9) is its patient's, see `patient_bucket`. `indication` is that of its headers, else of the report.
    `amended` where the report has an addendum, which the labels tell and the sections do not. `written` is, without a report,
    the whole text that a reader wrote instead of the draft; the sections are blank then.
    """

    study: Study
    findings: str
    impression: str
    labels: Mapping[str, State]
    bucket: int
    indication: str = ""
    amended: bool = False
    written: str = ""


def patient_bucket(issuer: str, mrn: str) -> int:
    """One of ten parts of all patients, the same in every database and whoever else there is.

    First 8 hexadecimal digits of the sha256 of "<length of issuer>:<issuer><mrn>", modulo 10.
    """
    return int(hashlib.sha256(f"{len(issuer)}:{issuer}{mrn}".encode()).hexdigest()[:8], 16) % BUCKETS


def split_of(bucket: int) -> str:
    """Split of a patient, about 80 % train, 10 % val, 10 % test: it never changes, whoever comes to the archive."""
    return {_TEST: "test", _VAL: "val"}.get(bucket, "train")


def signed_studies(session: Session, after_id: int = 0, limit: int = 200) -> list[SignedStudy]:
    """Return the next studies, by id, with a frontal film in use and a final or corrected report with findings.

    Without a report, what a reader wrote instead of the draft that stands counts; a draft that was accepted teaches nothing.
    Of several reports the latest with a text holds; of two of one time, or without one, the corrected, then the last filed.
    """
    while ids := _candidates(session, after_id, limit):
        if found := _signed(session, ids):
            return found
        after_id = ids[-1]
    return []


def _candidates(session: Session, after_id: int, limit: int) -> Sequence[int]:
    described = (ReportRow.status.in_(SIGNED), func.trim(ReportRow.findings) != "")
    signed = exists().where(ReportRow.study_id == StudyRow.id, *described)
    judged = exists().where(DraftRow.study_id == StudyRow.id, ReviewRow.draft_id == DraftRow.id, ReviewRow.text != "")
    imaged = exists().where(ImageRow.study_id == StudyRow.id, ImageRow.usable, ImageRow.view.in_(FRONTAL))
    query = select(StudyRow.id).where(StudyRow.id > after_id, or_(signed, judged), imaged)
    return session.scalars(query.order_by(StudyRow.id).limit(limit)).all()


def _signed(session: Session, ids: Sequence[int]) -> list[SignedStudy]:
    reports, buckets, found = holding(session, ids, ReportRow), _buckets(session, ids), studies(session, ids)
    signed = []
    for i in ids:
        report = reports[i].ReportRow if i in reports else None
        if report and report.findings.strip() and i in found:
            signed.append(_combine(found[i], report, buckets[i]))
        elif not report and i in found and (text := _written(session, i)):
            signed.append(SignedStudy(found[i], "", "", {}, buckets[i], found[i].indication or "", written=text))
    return signed


def _written(session: Session, study_id: int) -> str:
    draft = standing(session, study_id, shadow=True)
    review = newest_review(session, draft.id) if draft else None
    return review.written if review else ""


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
