"""Which studies are due: without a draft, or with one that was made from other inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from cxrreport.codes import CODES
from cxrreport.drafts import DraftStatus
from cxrreport.errors import UsageError
from cxrreport.imaging.pairing import inputs_sha256, pair
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.run import Run
from cxrreport.pipeline.scope import CHILD, NOT_CHEST, is_child
from cxrreport.pipeline.selection import Selection
from cxrreport.records import Due, Failure, Study
from cxrreport.store import attempts, catalogue
from cxrreport.store.retry import transact
from cxrreport.store.views import find_study

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.store.catalogue import CurrentDraft

_PAGE = 200  # studies looked at in one query


@dataclass(frozen=True, slots=True)
class Versions:
    """What the drafts of this run are made with."""

    weights_sha256: str
    index_version: str
    calibration_sha256: str | None = None


def is_due(current: CurrentDraft | None, inputs: str, made_with: Versions, redo: str | None) -> bool:
    """A study is due without a draft or when its inputs have changed; new weights, calibration or index alone do not.

    `redo` "weights" takes in what another calibration has made.
    """
    if current is None or current.inputs_sha256 != inputs:
        return True
    if current.status is not DraftStatus.PRELIMINARY or redo is None:
        return False
    new_weights = (current.weights_sha256, current.calibration_sha256, current.preprocess_version) != (
        made_with.weights_sha256,
        made_with.calibration_sha256,
        PREPROCESS_VERSION,
    )
    new_index = current.index_version != made_with.index_version
    return redo == "all" or (redo == "weights" and new_weights) or (redo == "index" and new_index)


def find_due(run: Run, selection: Selection, made_with: Versions) -> Iterator[Due]:
    """Walk the catalogue by pages and yield all that is due, also beyond `selection.limit`.

    Raises
    ------
    UsageError : the selection names a study or a patient that the archive does not have.
    """
    last, study_id = 0, _named(run, selection)
    while not run.cancelled:
        page, due = run.transact(_read_page, run, last, study_id, selection, made_with)
        if not page:
            return
        last = page[-1].id
        yield from due


class DueRow(NamedTuple):
    """What is kept of a study that is due: all of them may not fit in memory."""

    id: int
    patient_id: int
    attempts: int


def by_patient(found: Iterable[Due]) -> list[DueRow]:
    """Those of a patient together, the oldest first, patients in the order of their first one.

    So a study comes right after its prior, whose images need not be read again.
    """
    patients: dict[int, int] = {}
    rows = []
    for due in found:
        study = due.pair.study
        place = patients.setdefault(study.patient_id, len(patients))
        row = DueRow(study.id, study.patient_id, due.attempts)
        rows.append((place, study.studied_at or datetime.max, study.id, row))
    return [row for *_, row in sorted(rows)]


def read_due(s: Session, rows: Sequence[DueRow]) -> list[Due]:
    """Read studies that are due once more, as the archive has them now."""
    studies = catalogue.studies(s, [row.id for row in rows])
    families = catalogue.patient_studies(s, [study.patient_id for study in studies.values()])
    made = [(_pair(studies[row.id], families[studies[row.id].patient_id]), row) for row in rows if row.id in studies]
    return [replace(due, attempts=row.attempts) for due, row in made if due is not None]


def _named(run: Run, selection: Selection) -> int | None:
    """The id of the study that is asked for, if one is; the patient must be known too."""

    def look(s: Session) -> int | None:
        if selection.patient is not None and not catalogue.knows_patient(s, selection.patient):
            raise UsageError("No patient of the archive has this number.", "patient.unknown")
        return None if selection.study is None else find_study(s, selection.study).id

    return transact(run.engine, look, read_only=True)


def _read_page(
    s: Session, run: Run, after_id: int, study_id: int | None, selection: Selection, made_with: Versions
) -> tuple[list[Study], list[Due]]:
    page = catalogue.candidate_studies(
        s, selection.since, selection.until, selection.patient, study_id, after_id=after_id, limit=_PAGE
    )
    return page, _due_of_page(run, s, page, selection, made_with)


def _due_of_page(run: Run, s: Session, page: Sequence[Study], selection: Selection, made_with: Versions) -> list[Due]:
    families = catalogue.patient_studies(s, [study.patient_id for study in page], page)
    made = {study.id: _pair(study, families[study.patient_id]) for study in page}
    paired = [found for found in made.values() if found is not None]
    inputs = {d.pair.study.id: d.inputs_sha256 for d in paired}
    current = catalogue.current_drafts(s, list(made), inputs)
    judged = {i for i, draft in current.items() if draft.status is not DraftStatus.PRELIMINARY}
    all_due = [d for d in paired if is_due(current.get(d.pair.study.id), d.inputs_sha256, made_with, selection.redo)]
    wanted = {d.pair.study.id for d in all_due}
    attempts.clear_interrupted(s, [d.pair.study.id for d in paired if d.pair.study.id not in wanted])
    due = _in_scope(run, s, all_due, selection, judged)
    tried = {} if selection.redo == "all" else attempts.past_attempts(s, [d.pair.study.id for d in due])
    free = [replace(d, attempts=n) for d in due if (n := tried.get(d.pair.study.id, 0)) is not None]
    run.count(Count.STUDIES, len(page))
    run.count(Count.UNCHANGED, len(paired) - len(all_due))
    unpaired = [study for study in page if made[study.id] is None]
    _leave_out(run, s, "study.no_frontal", [study for study in unpaired if study.images], judged)
    _leave_out(run, s, NOT_CHEST, [study for study in unpaired if not study.images], judged)
    run.skip("study.quarantined", len(due) - len(free))  # counted as failed by the runs that it cost
    return free


def _in_scope(run: Run, s: Session, due: Sequence[Due], selection: Selection, judged: Set[int]) -> list[Due]:
    """Without the children, unless they are asked for."""
    young = [] if selection.allow_out_of_scope else [d.pair.study for d in due if is_child(d.pair.study)]
    _leave_out(run, s, CHILD, young, judged)
    left_out = {study.id for study in young}
    return [d for d in due if d.pair.study.id not in left_out]


def _leave_out(run: Run, s: Session, code: str, studies: Sequence[Study], judged: Set[int]) -> None:
    """Count studies that are left out, and give each a row that says so, once the view of all its images is known.

    One whose draft is `judged` is unchanged: nothing has failed where a radiologist's word stands.
    """
    silent = [study for study in studies if study.id not in judged]
    run.skip(code, len(silent))
    run.count(Count.UNCHANGED, len(studies) - len(silent))
    told = [study for study in silent if all(image.view for image in study.images)]
    attempts.fail_studies(s, run.id, [Failure(code, CODES[code].sentence, study_id=study.id) for study in told])


def _pair(study: Study, family: Sequence[Study]) -> Due | None:
    made = pair(study, family)
    if made is None:
        return None
    known = {image.id: image.pixel_sha256 for image in made.images if image}
    return Due(made, inputs_sha256(made, known))
