"""File one read header in the catalogue: file, image, study, patient. What was first is never overwritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cxrreport.errors import HeaderError, InputError
from cxrreport.records import FileEntry, Instance, ViewGuess
from cxrreport.store.attempts import clear_failures
from cxrreport.store.columns import short
from cxrreport.store.drafts import withdraw_drafts
from cxrreport.store.identity import contradicts, find_study, is_of, patient_of, upsert_study
from cxrreport.store.schema import FileRow, ImageRow, PatientRow, StudyRow


@dataclass(frozen=True, slots=True)
class Twins:
    """Two files of one SOP Instance UID: the digests of their pixels, "" for the same bytes; None of one that is not whole."""

    first: str | None
    second: str | None


Outcome = Literal["image", "updated", "corrected", "duplicate", "broken_copy", "conflict", "patient_conflict"]
Compare = Callable[[str, str, str], Twins]

PATIENT_CONFLICT = "identity.study"
REPLACED = "file.replaced"
_DEVICE = (
    "manufacturer", "model", "station", "exposure_index", "deviation_index", "presentation_intent", "image_type", "origin",
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
    session: Session, instance: Instance, view: ViewGuess | None, reason: str | None, compare: Compare
) -> Outcome:
    """File one image under its study and patient.

    Parameters
    ----------
    view : None where the tags do not tell; `set_view` may follow.
    reason : a code that says why the image is not usable, or None.
    compare : compares two paths that name the SOP Instance UID, its third argument; called only where it was seen at
        another path. If it raises FileNotFoundError, the first file has moved here and the image follows.

    Returns
    -------
    "image" for a new one; "updated" for one that is known; "corrected" for one that is known and now says something else
    of its study (the study stays as it is: see `refile_study`). For a second file of an image: "duplicate" for the same
    bytes, or the same pixels of the same study and patient; "broken_copy" for one of them that is not whole (a whole one
    takes the place of a first that is not: "updated"); "conflict" for two whole images that differ, and for one of another
    study or patient, whole or not (the first is kept, the digests of both are stored). "patient_conflict" for a study
    already filed under another patient (the image is kept, not usable, reason "identity.study").

    Raises
    ------
    HeaderError : an identifier is blank or longer than any DICOM identifier.
    InputError : code "path.long".
    """
    check(instance)
    _vacate(session, instance.file, keep=instance.sop_uid)
    image = session.scalar(select(ImageRow).where(ImageRow.sop_uid == instance.sop_uid))
    if image is not None and image.path != instance.file.path:
        seen_twice = _compare(session, image, instance, compare)
        if seen_twice is not None:
            return seen_twice
    return _file_image(session, image, instance, view, reason)


# -- single steps of recording ----------------------------------------------------------------------------------------


def check(instance: Instance) -> None:
    """Refuse what the catalogue cannot hold, as `record_instance` does."""
    _check_path(instance.file)
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
        twin = session.scalar(select(FileRow).where(*twins).order_by(FileRow.path).limit(1))
        if twin is None:
            image.usable, image.reason = False, REPLACED
        else:
            image.path, image.size, image.mtime_ns = twin.path, twin.size, twin.mtime_ns
            twin.outcome = PATIENT_CONFLICT if image.reason == PATIENT_CONFLICT else "image"


def _compare(session: Session, image: ImageRow, instance: Instance, compare: Compare) -> Outcome | None:
    """Record what a second file of an image is; None where the image moves here: the first is gone, or it is not whole."""
    if image.reason == REPLACED:
        return None
    try:
        twins = compare(image.path, instance.file.path, image.sop_uid)
    except FileNotFoundError:
        return None
    alike = _is_filed_alike(session, image, instance)
    if alike and twins.first is None and twins.second is not None:
        session.execute(update(FileRow).where(FileRow.path == image.path).values(outcome="broken_copy"))
        return None
    outcome = _judge(twins, alike)
    row = _upsert_file(session, instance.file, outcome, image.id)
    if outcome == "conflict":
        image.pixel_sha256, row.pixel_sha256 = twins.first, twins.second
    return outcome


def _judge(twins: Twins, alike: bool) -> Outcome:
    if twins.first == twins.second == "":  # the same bytes
        return "duplicate"
    if not alike:  # nor is a cut one a copy of another patient's
        return "conflict"
    if twins.second is None:
        return "broken_copy"
    return "duplicate" if twins.first == twins.second else "conflict"


def _is_filed_alike(session: Session, image: ImageRow, instance: Instance) -> bool:
    study = session.get_one(StudyRow, image.study_id)
    return study.uid == instance.study_uid and is_of(session.get_one(PatientRow, study.patient_id), instance)


def _file_image(
    session: Session, image: ImageRow | None, instance: Instance, view: ViewGuess | None, reason: str | None
) -> Outcome:
    study = find_study(session, instance.study_uid)
    conflict = study is not None and not is_of(session.get_one(PatientRow, study.patient_id), instance)
    corrected = study is not None and image is not None and contradicts(study, instance)
    if study is None or not conflict:
        study = upsert_study(session, study, patient_of(session, study, instance), instance)
    outcome: Outcome = "image" if image is None else "corrected" if corrected else "updated"
    image = _upsert_image(session, image, study, instance, view, PATIENT_CONFLICT if conflict else reason)
    _upsert_file(session, instance.file, PATIENT_CONFLICT if conflict else "image", image.id)
    return "patient_conflict" if conflict else outcome


def image_facts(instance: Instance) -> dict[str, Any]:
    """Return what a header tells of an image, by the columns of its row."""
    entry = instance.file
    facts = {"path": entry.path, "size": entry.size, "mtime_ns": entry.mtime_ns}
    shape = {"height": instance.rows, "width": instance.columns, "transfer_syntax": instance.transfer_syntax}
    return facts | shape | {name: getattr(instance, name) for name in _DEVICE}


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
    elif image.study_id != study.id:  # what was drafted from it is of no study any more
        withdraw_drafts(session, [image.study_id])
    image.study_id = study.id
    for name, value in image_facts(instance).items():
        setattr(image, name, value)
    if not unchanged or reason is not None or image.reason in (PATIENT_CONFLICT, REPLACED):
        image.usable, image.reason = reason is None, reason
    if not unchanged:
        image.pixel_sha256 = image.view = image.view_source = image.view_probability = None
        clear_failures(session, [study.id])  # a new or changed file deserves new attempts
    if view is not None:
        image.view, image.view_source, image.view_probability = view.view, view.source, view.probability
    session.flush()
    return image


def _upsert_file(session: Session, entry: FileEntry, outcome: str, image_id: int | None) -> FileRow:
    row = session.scalar(select(FileRow).where(FileRow.path == entry.path))
    if row is None:
        row = FileRow(path=entry.path)
        session.add(row)
    row.size, row.mtime_ns, row.outcome, row.image_id = entry.size, entry.mtime_ns, outcome, image_id
    row.pixel_sha256, row.previewed = None, False
    session.flush()
    return row


def give_up(session: Session, paths: Sequence[str]) -> None:
    """Take images out of use whose files lie there no more; a file that comes back is read again."""
    session.execute(update(ImageRow).where(ImageRow.path.in_(paths)).values(usable=False, reason=REPLACED))


def paths_of_study(session: Session, study_uid: str) -> list[str]:
    """Return where the images of a study lie today, in the order in which they were first seen."""
    of_study = select(ImageRow.path).join(StudyRow, StudyRow.id == ImageRow.study_id).where(StudyRow.uid == study_uid)
    there = ImageRow.reason.is_distinct_from(REPLACED)
    return list(session.scalars(of_study.where(there).order_by(ImageRow.id)))
