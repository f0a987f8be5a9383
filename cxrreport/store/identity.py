"""Whose study an image belongs to, and what its files say of a study: the first stays, until the PACS corrects them all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cxrreport.records import Instance
from cxrreport.store.attempts import clear_failures
from cxrreport.store.columns import clean, short
from cxrreport.store.drafts import withdraw_drafts
from cxrreport.store.runs import TOOL, append_audit
from cxrreport.store.schema import PatientRow, ReportRow, StudyRow


def find_study(session: Session, uid: str) -> StudyRow | None:
    """Return the study of this UID."""
    return session.scalar(select(StudyRow).where(StudyRow.uid == uid))


def is_of(patient: PatientRow, instance: Instance) -> bool:
    """Tell whether an image of the patient's study may be the patient's: one issuer may be told in some images only."""
    issuer = clean(instance.issuer)
    return patient.mrn == clean(instance.patient_id) and (patient.issuer == issuer or "" in (patient.issuer, issuer))


def contradicts(study: StudyRow, instance: Instance) -> bool:
    """Tell whether an image says otherwise of what all images of a study share."""
    days = {at.date() for at in (study.studied_at, instance.studied_at) if at}
    births = {study.birth_date, instance.birth_date} - {None}
    texts = (
        (study.sex, instance.sex),
        (study.name_sha256, instance.name_sha256),
        (study.accession, clean(short(instance.accession))),
    )
    return len(days) > 1 or len(births) > 1 or any(old and new and old != new for old, new in texts)


def patient_of(session: Session, study: StudyRow | None, instance: Instance) -> PatientRow:
    """Return the patient whom an image names; without an issuer of its own, the one of its study."""
    if study is not None and not instance.issuer:
        return _upsert_patient(session, session.get_one(PatientRow, study.patient_id), instance)
    same = (PatientRow.issuer == instance.issuer, PatientRow.mrn == instance.patient_id)
    return _upsert_patient(session, session.scalar(select(PatientRow).where(*same)), instance)


def _upsert_patient(session: Session, patient: PatientRow | None, instance: Instance) -> PatientRow:
    if patient is None:
        patient = new_patient(instance)
        session.add(patient)
    fill_patient(patient, instance)
    session.flush()
    return patient


def new_patient(instance: Instance) -> PatientRow:
    """Return the patient whom an image names, without facts."""
    return PatientRow(issuer=instance.issuer, mrn=instance.patient_id, birth_date=None, sex="")


def fill_patient(patient: PatientRow, instance: Instance) -> None:
    """Fill what is blank of a patient."""
    patient.birth_date = patient.birth_date or instance.birth_date
    patient.sex = patient.sex or instance.sex


def upsert_study(session: Session, study: StudyRow | None, patient: PatientRow, instance: Instance) -> StudyRow:
    """Make the study from its first image; later images fill blanks and may put its time earlier."""
    if study is None:
        study = new_study(instance)
        study.patient_id = patient.id
        session.add(study)
    elif study.patient_id != patient.id:
        _move_study(session, study, patient)
    fill_study(study, instance)
    session.flush()
    return study


def new_study(instance: Instance) -> StudyRow:
    """Return the study that an image names, without facts and of nobody yet."""
    study = StudyRow(uid=instance.study_uid)
    _forget_facts(study)
    return study


def fill_study(study: StudyRow, instance: Instance) -> None:
    """Fill what is blank of a study; its time may become an earlier one."""
    if _is_better_time(study, instance):
        study.studied_at, study.time_known = instance.studied_at, instance.time_known
    study.birth_date = study.birth_date or instance.birth_date
    study.sex = study.sex or instance.sex
    study.name_sha256 = study.name_sha256 or instance.name_sha256
    study.accession = study.accession or short(instance.accession)
    study.description = study.description or instance.study_description
    study.institution = study.institution or instance.institution
    study.age_years = instance.age_years if study.age_years is None else study.age_years
    study.indication = study.indication or instance.indication or None


def _forget_facts(study: StudyRow) -> None:
    study.studied_at, study.time_known = None, False
    study.birth_date, study.sex, study.name_sha256 = None, "", ""
    study.accession = study.description = study.institution = ""
    study.indication = study.age_years = None


def _move_study(session: Session, study: StudyRow, patient: PatientRow) -> None:
    """File a study under another patient. Drafts that knew the old one are superseded, its reports look for it anew."""
    append_audit(session, TOOL, "refile", f"study {study.id}", {"from": study.patient_id, "to": patient.id})
    study.patient_id = patient.id
    withdraw_drafts(session, [study.id])
    clear_failures(session, [study.id])
    reports = update(ReportRow).where(ReportRow.study_id == study.id)
    session.execute(reports.values(study_id=None, patient_id=None))


def _is_better_time(study: StudyRow, instance: Instance) -> bool:
    """Tell whether an image's time is earlier, or known where the study's own on the same day is not."""
    old, new = study.studied_at, instance.studied_at
    if new is None or old is None:
        return new is not None
    new = new.replace(tzinfo=None)
    if new.date() == old.date() and study.time_known != instance.time_known:
        return instance.time_known
    return new < old


def refile_study(session: Session, study_uid: str, today: Sequence[Instance]) -> bool:
    """File a study by what its files say today, `today` being all of them; False where they do not name one patient.

    Under another patient its preliminary draft is superseded, and it is due again with the studies that it was paired
    with. Its images are as they were: record each of them again.
    """
    study = find_study(session, study_uid)
    issuers = {instance.issuer for instance in today} - {""}
    names = {(instance.study_uid, instance.patient_id) for instance in today}
    if study is None or len(names) != 1 or len(issuers) > 1 or names.pop()[0] != study_uid:
        return False
    patient = patient_of(session, None, max(today, key=lambda instance: instance.issuer))
    _forget_facts(study)
    for instance in today:
        upsert_study(session, study, patient, instance)
    return True
