"""File at once what is plainly new: images of studies that neither the catalogue nor the rest of the batch disputes.

A night brings thousands of files, and nearly all of them are of this kind; `filing` takes the others, one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from cxrreport.errors import InputError
from cxrreport.records import Instance, ViewGuess
from cxrreport.store.columns import Base, clean
from cxrreport.store.engine import apart, batches
from cxrreport.store.filing import check, image_facts
from cxrreport.store.identity import fill_patient, fill_study, new_patient, new_study
from cxrreport.store.schema import FileRow, ImageRow, PatientRow, StudyRow

_Person = tuple[str, str]  # issuer and number


@dataclass(frozen=True, slots=True)
class Screened:
    """One image to file: the view that its tags tell, and a code that says why it is not usable, or None."""

    instance: Instance
    view: ViewGuess | None
    reason: str | None


def record_newcomers(session: Session, batch: Sequence[Screened]) -> set[str]:
    """File the images that are plainly new, and return their SOP Instance UIDs.

    Such an image is the only one of its UID, its path was never read, its study is new, and all that the batch holds of
    its patient is of this kind. What the database refuses is left to `filing`, and all the rest with it.
    """
    plain = _plain(session, batch)
    if not plain:
        return set()
    filed = {one.instance.sop_uid for group in plain for one in group}
    in_order = [one.instance for one in batch if one.instance.sop_uid in filed]  # who was first tells a patient's facts
    try:
        with apart(session):
            _file(session, plain, _patients(session, in_order))
    except InputError:
        return set()
    return filed


def _plain(session: Session, batch: Sequence[Screened]) -> list[list[Screened]]:
    """Groups of one study that stand against nothing."""
    studies: dict[str, list[Screened]] = {}
    for one in batch:
        studies.setdefault(clean(one.instance.study_uid), []).append(one)
    uids = Counter(clean(one.instance.sop_uid) for one in batch)
    paths = [one.instance.file.path for one in batch]
    known = _known(session, ImageRow.sop_uid, uids) | _known(session, StudyRow.uid, studies)
    known |= _known(session, FileRow.path, paths) | _known(session, ImageRow.path, paths)
    others: set[str] = set()  # numbers of patients of whom something else is filed: whoever was first tells the facts
    plain = []
    for uid, group in studies.items():
        own = [one.instance for one in group]
        alone = all(uids[i.sop_uid] == 1 and not {i.sop_uid, i.file.path} & known for i in own)
        if uid not in known and alone and len({_person(i) for i in own}) == 1 and all(map(_fits, own)):
            plain.append(group)
        else:
            others.update(clean(i.patient_id) for i in own)
    return [group for group in plain if clean(group[0].instance.patient_id) not in others]


def _known(session: Session, column: InstrumentedAttribute[str], values: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for batch in batches(values):
        found.update(session.scalars(select(column).where(column.in_(batch))))
    return found


def _fits(instance: Instance) -> bool:
    try:
        check(instance)
    except InputError:
        return False
    return True


def _person(instance: Instance) -> _Person:
    return clean(instance.issuer), clean(instance.patient_id)


def _file(session: Session, groups: Sequence[list[Screened]], patients: dict[_Person, int]) -> None:
    studies = []
    for group in groups:
        study = new_study(group[0].instance)
        study.patient_id = patients[_person(group[0].instance)]
        for one in group:
            fill_study(study, one.instance)
        studies.append(study)
    ids = _insert(session, StudyRow.uid, map(_values, studies))
    told = [(one, study_id) for group, study_id in zip(groups, ids, strict=True) for one in group]
    images = _insert(session, ImageRow.sop_uid, (_image(one, study_id) for one, study_id in told))
    files = (_file_of(one.instance, image_id) for (one, _), image_id in zip(told, images, strict=True))
    session.execute(insert(FileRow), list(files))


def _patients(session: Session, instances: Sequence[Instance]) -> dict[_Person, int]:
    """Ids of the patients; those who are new are added, those who are known get what was blank."""
    people: dict[_Person, list[Instance]] = {}
    for instance in instances:
        people.setdefault(_person(instance), []).append(instance)
    known = _people(session, people)
    made = {person: new_patient(own[0]) for person, own in people.items() if person not in known}
    for person, own in people.items():
        for instance in own:
            fill_patient(known.get(person) or made[person], instance)
    if made:
        session.flush()
        session.execute(insert(PatientRow), list(map(_values, made.values())))
    return {person: row.id for person, row in (known | _people(session, made)).items()}


def _people(session: Session, people: Iterable[_Person]) -> dict[_Person, PatientRow]:
    """Those that are known. Asked by number alone: SQLite would look for pairs through the whole table."""
    wanted = {*people}
    found: dict[_Person, PatientRow] = {}
    for batch in batches({number for _, number in wanted}):
        rows = session.scalars(select(PatientRow).where(PatientRow.mrn.in_(batch)))
        found.update({(row.issuer, row.mrn): row for row in rows if (row.issuer, row.mrn) in wanted})
    return found


def _insert(session: Session, key: InstrumentedAttribute[str], rows: Iterable[dict[str, Any]]) -> list[int]:
    """Insert rows and return their ids, in order. `key` tells them apart; asked for its ids, SQLite would insert one by one."""
    values, table = list(rows), key.class_
    session.execute(insert(table), values)
    ids: dict[str, int] = {}
    for batch in batches(clean(row[key.key]) for row in values):
        ids.update((own, row_id) for own, row_id in session.execute(select(key, table.id).where(key.in_(batch))))
    return [ids[clean(row[key.key])] for row in values]


def _values(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key != "id"}


def _image(one: Screened, study_id: int) -> dict[str, Any]:
    view = one.view
    return {
        **image_facts(one.instance),
        "sop_uid": one.instance.sop_uid,
        "study_id": study_id,
        "usable": one.reason is None,
        "reason": one.reason,
        "view": view.view if view else None,
        "view_source": view.source if view else None,
        "view_probability": view.probability if view else None,
        "pixel_sha256": None,
    }


def _file_of(instance: Instance, image_id: int) -> dict[str, Any]:
    entry = instance.file
    facts = {"path": entry.path, "size": entry.size, "mtime_ns": entry.mtime_ns}
    return {**facts, "outcome": "image", "image_id": image_id, "pixel_sha256": None, "previewed": False}
