"""File one read header in the catalogue: file, image, study, patient. What was first is never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxrreport.errors import HeaderError, InputError
from cxrreport.records import FileEntry, Instance, ViewGuess
from cxrreport.store.attempts import clear_failures
from cxrreport.store.columns import short
from cxrreport.store.schema import FileRow, ImageRow, PatientRow, StudyRow

Outcome = Literal["image", "updated", "duplicate", "conflict", "patient_conflict"]
SameBytes = Callable[[str, str], bool]

PATIENT_CONFLICT = "identity.study"
REPLACED = "file.replaced"
_DEVICE = (
    "manufacturer", "model", "station", "exposure_index", "deviation_index", "presentation_intent", "image_type",
)  # fmt: skip
MAX_PATH_BYTES = 2600  # a tree index of PostgreSQL takes 2,704


def record_file(session: Session, entry: FileEntry, outcome: str) -> None:
    """Record a file that gave no image: "not_dicom" or the code of its failure.

    An image that was read from this path before is gone: it moves to a duplicate or becomes unusable.
    """
    _check_path(entry)
    _vacate(session, entry, keep=None)
    _upsert_file(session, entry, outcome, None)


def record_instance(
    session: Session, instance: Instance, view: ViewGuess | None, reason: str | None, same_bytes: SameBytes
) -> Outcome:
    """File one image under its study and patient.

    Parameters
    ----------
    view : None where the tags do not tell; `set_view` may follow.
    reason : a code that says why the image is not usable, or None.
    same_bytes : compares two paths; called only for a SOP Instance UID seen at another path with equal size.
        If it raises FileNotFoundError, the first file has moved here and the image follows.

    Returns
    -------
    "image" for a new one; "updated" for the same path read again; "duplicate" for the same bytes at another path;
    "conflict" for other bytes under the same SOP Instance UID (the first is kept); "patient_conflict" for a study
    already filed under another patient (the image is kept, not usable, reason "identity.study").

    Raises
    ------
    HeaderError : an identifier is blank or longer than any DICOM identifier.
    InputError : code "path.long".
    """
    _check_identity(instance)
    _check_path(instance.file)
    _vacate(session, instance.file, keep=instance.sop_uid)
    image = session.scalar(select(ImageRow).where(ImageRow.sop_uid == instance.sop_uid))
    if image is not None and image.path != instance.file.path:
        seen_twice = _compare(image, instance.file, same_bytes)
        if seen_twice is not None:
            _upsert_file(session, instance.file, seen_twice, image.id)
            return seen_twice
    return _file_image(session, image, instance, view, reason)


# -- single steps of recording ----------------------------------------------------------------------------------------


def _check_identity(instance: Instance) -> None:
    required = (instance.sop_uid, instance.study_uid, instance.patient_id)
    if not all(required):
        raise HeaderError("The header lacks the patient's or the study's identifier.", "header.incomplete")
    if any(key and not short(key) for key in (*required, instance.issuer)):
        raise HeaderError("An identifier in the header is longer than DICOM allows.")


def _check_path(entry: FileEntry) -> None:
    if len(entry.path.encode()) > MAX_PATH_BYTES:
        raise InputError("The path of the file is too long for the database.", "path.long")


def _vacate(session: Session, entry: FileEntry, keep: str | None) -> None:
    """Take the path away from images that were read from it and are no longer there (all but SOP UID `keep`)."""
    gone = session.scalars(select(ImageRow).where(ImageRow.path == entry.path, ImageRow.sop_uid != (keep or "")))
    for image in gone:
        twins = (FileRow.image_id == image.id, FileRow.outcome == "duplicate", FileRow.path != entry.path)
        twin = session.scalar(select(FileRow).where(*twins).limit(1))
        if twin is None:
            image.usable, image.reason = False, REPLACED
        else:
            image.path, image.size, image.mtime_ns = twin.path, twin.size, twin.mtime_ns
            twin.outcome = PATIENT_CONFLICT if image.reason == PATIENT_CONFLICT else "image"


def _compare(image: ImageRow, entry: FileEntry, same_bytes: SameBytes) -> Literal["duplicate", "conflict"] | None:
    """Return what a second file of an image is; None where the first has moved here."""
    if image.reason == REPLACED:
        return None
    if image.size != entry.size:
        return "conflict"
    try:
        return "duplicate" if same_bytes(image.path, entry.path) else "conflict"
    except FileNotFoundError:
        return None


def _file_image(
    session: Session, image: ImageRow | None, instance: Instance, view: ViewGuess | None, reason: str | None
) -> Outcome:
    study = session.scalar(select(StudyRow).where(StudyRow.uid == instance.study_uid))
    same = (PatientRow.issuer == instance.issuer, PatientRow.mrn == instance.patient_id)
    patient = session.scalar(select(PatientRow).where(*same))
    conflict = study is not None and (patient is None or study.patient_id != patient.id)
    if study is None or not conflict:
        patient = _upsert_patient(session, patient, instance)
        study = _upsert_study(session, study, patient, instance)
    outcome: Outcome = "patient_conflict" if conflict else "image" if image is None else "updated"
    image = _upsert_image(session, image, study, instance, view, PATIENT_CONFLICT if conflict else reason)
    _upsert_file(session, instance.file, PATIENT_CONFLICT if conflict else "image", image.id)
    return outcome


def _upsert_patient(session: Session, patient: PatientRow | None, instance: Instance) -> PatientRow:
    if patient is None:
        patient = PatientRow(issuer=instance.issuer, mrn=instance.patient_id, birth_date=None, sex="")
        session.add(patient)
    patient.birth_date = patient.birth_date or instance.birth_date
    patient.sex = patient.sex or instance.sex
    session.flush()
    return patient


def _upsert_study(session: Session, study: StudyRow | None, patient: PatientRow, instance: Instance) -> StudyRow:
    """Make the study from its first image; later images fill blanks and may put its time earlier."""
    if study is None:
        study = StudyRow(uid=instance.study_uid, patient_id=patient.id, studied_at=None, time_known=False)
        study.birth_date, study.sex = None, ""
        study.accession = study.description = study.institution = ""
        session.add(study)
    if _is_better_time(study, instance):
        study.studied_at, study.time_known = instance.studied_at, instance.time_known
    study.birth_date = study.birth_date or instance.birth_date
    study.sex = study.sex or instance.sex
    study.accession = study.accession or short(instance.accession)
    study.description = study.description or instance.study_description
    study.institution = study.institution or instance.institution
    study.age_years = instance.age_years if study.age_years is None else study.age_years
    study.indication = study.indication or instance.indication or None
    session.flush()
    return study


def _is_better_time(study: StudyRow, instance: Instance) -> bool:
    """Tell whether an image's time is earlier, or known where the study's own on the same day is not."""
    old, new = study.studied_at, instance.studied_at
    if new is None or old is None:
        return new is not None
    new = new.replace(tzinfo=None)
    if new.date() == old.date() and study.time_known != instance.time_known:
        return instance.time_known
    return new < old


def _upsert_image(
    session: Session,
    image: ImageRow | None,
    study: StudyRow,
    instance: Instance,
    view: ViewGuess | None,
    reason: str | None,
) -> ImageRow:
    """Write the row; what the pixels once told stays only as long as the file is the same."""
    entry = instance.file
    unchanged = image is not None and (image.size, image.mtime_ns) == (entry.size, entry.mtime_ns)
    if image is None:
        image = ImageRow(sop_uid=instance.sop_uid)
        session.add(image)
    image.study_id = study.id
    image.path, image.size, image.mtime_ns = entry.path, entry.size, entry.mtime_ns
    image.height, image.width, image.transfer_syntax = instance.rows, instance.columns, instance.transfer_syntax
    for name in _DEVICE:
        setattr(image, name, getattr(instance, name))
    if not unchanged or reason is not None or image.reason in (PATIENT_CONFLICT, REPLACED):
        image.usable, image.reason = reason is None, reason
    if not unchanged:
        image.pixel_sha256 = image.view = image.view_source = image.view_probability = None
        clear_failures(session, [study.id])  # a new or changed file deserves new attempts
    if view is not None:
        image.view, image.view_source, image.view_probability = view.view, view.source, view.probability
    session.flush()
    return image


def _upsert_file(session: Session, entry: FileEntry, outcome: str, image_id: int | None) -> None:
    row = session.scalar(select(FileRow).where(FileRow.path == entry.path))
    if row is None:
        row = FileRow(path=entry.path)
        session.add(row)
    row.size, row.mtime_ns, row.outcome, row.image_id = entry.size, entry.mtime_ns, outcome, image_id
    session.flush()
