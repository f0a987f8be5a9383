"""The image archive as the database knows it: views, studies that may be due, their drafts.

Bounded batches, and never a query per study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, Select, exists, extract, func, or_, select, update
from sqlalchemy.orm import Session

from cxrreport.drafts import DraftStatus
from cxrreport.records import Image, Study, ViewGuess
from cxrreport.store.engine import batches
from cxrreport.store.schema import DraftRow, ImageRow, PatientRow, StudyRow

NO_CHEST = "view.other"  # the reason of an image that the pixels call neither frontal nor lateral


@dataclass(frozen=True, slots=True)
class CurrentDraft:
    """The draft that stands for a study, and what it was made with."""

    draft_id: int
    status: DraftStatus
    weights_sha256: str
    calibration_sha256: str | None
    preprocess_version: int
    index_version: str
    inputs_sha256: str


# -- what the pixels tell ---------------------------------------------------------------------------------------------


def images_without_view(session: Session, limit: int, after_id: int = 0) -> list[Image]:
    """Return usable images whose tags did not tell the view, in the order of their ids."""
    rows = session.scalars(
        select(ImageRow)
        .where(ImageRow.view.is_(None), ImageRow.usable, ImageRow.id > after_id)
        .order_by(ImageRow.id)
        .limit(limit)
    )
    return [_to_image(row) for row in rows]


def set_view(session: Session, image_id: int, guess: ViewGuess) -> None:
    """Record the view that the pixels show."""
    found = {"view": guess.view, "view_source": guess.source, "view_probability": guess.probability}
    session.execute(update(ImageRow).where(ImageRow.id == image_id).values(**found))


def set_pixel_digest(session: Session, image_id: int, sha256: str) -> None:
    """Record the digest of the decoded pixels."""
    session.execute(update(ImageRow).where(ImageRow.id == image_id).values(pixel_sha256=sha256))


def mark_unusable(session: Session, image_id: int, reason: str) -> None:
    """Take an image out of use, with the code of the reason."""
    session.execute(update(ImageRow).where(ImageRow.id == image_id).values(usable=False, reason=reason))


# -- studies -----------------------------------------------------------------------------------------------------------


def candidate_studies(
    session: Session,
    since: date | None = None,
    until: date | None = None,
    patient: str | None = None,
    study_id: int | None = None,
    after_id: int = 0,
    limit: int = 200,
) -> list[Study]:
    """Return the next studies with at least one usable image, ordered by id (`after_id` continues).

    Among them are studies without one of which the pixels call an image no chest; these come without an image.

    Parameters
    ----------
    since, until : first and last study date, both inclusive; a study without a date is then left out.
    patient : the hospital's patient number, of whatever issuer. study_id : this study alone.
    """
    told = or_(_has_images(), _shows_no_chest())
    query = select(StudyRow).where(told, StudyRow.id > after_id).order_by(StudyRow.id).limit(limit)
    if since is not None:
        query = query.where(StudyRow.studied_at >= datetime.combine(since, time.min))
    if until is not None:
        query = query.where(StudyRow.studied_at <= datetime.combine(until, time.max))
    if patient is not None:
        query = query.join(PatientRow, PatientRow.id == StudyRow.patient_id).where(PatientRow.mrn == patient)
    if study_id is not None:
        query = query.where(StudyRow.id == study_id)
    return _to_studies(session, session.scalars(query).all())


def knows_patient(session: Session, mrn: str) -> bool:
    """Tell whether a patient of whatever issuer has this number."""
    return session.scalar(select(exists().where(PatientRow.mrn == mrn))) or False


def studies(session: Session, study_ids: Sequence[int]) -> dict[int, Study]:
    """Return those of the studies that have usable images, by id."""
    found: dict[int, Study] = {}
    for batch in batches(dict.fromkeys(study_ids)):
        rows = session.scalars(_with_images().where(StudyRow.id.in_(batch))).all()
        found.update((study.id, study) for study in _to_studies(session, rows))
    return found


def patient_studies(
    session: Session, patient_ids: Sequence[int], known: Sequence[Study] = ()
) -> dict[int, list[Study]]:
    """Return all studies with usable images of these patients, oldest first; undated ones come last.

    known : studies of theirs that were read already, at most a page.
    """
    found: dict[int, list[Study]] = {patient_id: [] for patient_id in patient_ids}
    others = _with_images().where(StudyRow.id.not_in([study.id for study in known]))
    read = [study for study in known if study.images]
    for batch in batches(dict.fromkeys(patient_ids)):
        read += _to_studies(session, session.scalars(others.where(StudyRow.patient_id.in_(batch))).all())
    for study in read:
        found[study.patient_id].append(study)
    for studies in found.values():
        studies.sort(key=lambda study: (study.studied_at or datetime.max, study.id))
    return found


def current_drafts(
    session: Session, study_ids: Sequence[int], inputs: Mapping[int, str] | None = None
) -> dict[int, CurrentDraft]:
    """Return the draft that stands for each study: the preliminary one, else a reviewed or rejected one.

    Of several reviewed or rejected ones it is that of today's `inputs` (study id -> inputs_sha256) if there is one,
    else the newest: a study whose inputs come back to what was reviewed is not due again.
    """
    found: dict[int, CurrentDraft] = {}
    for batch in batches(study_ids):
        rows = session.execute(
            select(DraftRow.study_id, DraftRow.id, *(getattr(DraftRow, name) for name in CurrentDraft.__slots__[1:]))
            .where(DraftRow.study_id.in_(batch), DraftRow.status != DraftStatus.SUPERSEDED)
            .order_by(DraftRow.id)
        ).all()
        wanted = inputs or {}
        ranked = sorted(rows, key=lambda row: (row[2] == DraftStatus.PRELIMINARY, row[-1] == wanted.get(row[0])))
        found.update({row[0]: CurrentDraft(*row[1:]) for row in ranked})  # the last of a study wins
    return found


def drafted_young(session: Session, years: int, after_id: int = 0, limit: int = 200) -> list[Study]:
    """Return the next studies, by id and without their images, with a preliminary draft and a patient of about `years` or less.

    One born in the year in which they turn `years` is among them: the caller judges by the day.
    """
    query = select(StudyRow).where(_has_preliminary(), _may_be_young(years), StudyRow.id > after_id)
    return [_to_study(row) for row in session.scalars(query.order_by(StudyRow.id).limit(limit))]


def _has_preliminary() -> ColumnElement[bool]:
    return exists().where(DraftRow.study_id == StudyRow.id, DraftRow.status == DraftStatus.PRELIMINARY)


def _may_be_young(years: int) -> ColumnElement[bool]:
    year = func.coalesce(extract("year", StudyRow.studied_at), datetime.now(UTC).year)
    return or_(StudyRow.age_years < years, year - extract("year", StudyRow.birth_date) <= years)


def drafted_without_chest(session: Session) -> list[int]:
    """Return the ids of studies with a preliminary draft and no usable image, of which the pixels call one no chest today."""
    suspected = StudyRow.id.in_(select(ImageRow.study_id).where(ImageRow.reason == NO_CHEST))  # few: asked for first
    return list(session.scalars(select(StudyRow.id).where(suspected, _has_preliminary(), ~_has_images())))


def _shows_no_chest() -> ColumnElement[bool]:
    """No image is in use, and one shows no chest; what is damaged or lies there no more is no chest film either."""
    return exists().where(ImageRow.study_id == StudyRow.id, ImageRow.reason == NO_CHEST) & ~_has_images()


def _with_images() -> Select[StudyRow]:
    return select(StudyRow).where(_has_images())


def _has_images() -> ColumnElement[bool]:
    return exists().where(ImageRow.study_id == StudyRow.id, ImageRow.usable)


def _to_studies(session: Session, rows: Sequence[StudyRow]) -> list[Study]:
    """Add the usable images, in the order of their ids."""
    images: dict[int, list[Image]] = {row.id: [] for row in rows}
    for batch in batches(images):
        query = select(ImageRow).where(ImageRow.study_id.in_(batch), ImageRow.usable).order_by(ImageRow.id)
        for image in session.scalars(query):
            images[image.study_id].append(_to_image(image))
    return [_to_study(row, images[row.id]) for row in rows]


def _to_study(row: StudyRow, images: Sequence[Image] = ()) -> Study:
    own = [name for name in Study.__slots__ if name != "images"]
    return Study(**{name: getattr(row, name) for name in own}, images=tuple(images))


def _to_image(row: ImageRow) -> Image:
    return Image(**{name: getattr(row, name) for name in Image.__slots__})


def count_without_view(session: Session) -> int:
    """Return how many usable images wait for their pixels to tell the view."""
    return session.scalar(select(func.count()).where(ImageRow.usable, ImageRow.view.is_(None))) or 0
