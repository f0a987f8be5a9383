"""Files that were read before, and whether what was made of them still holds, so that an unchanged one is not opened again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cxrreport.records import FileEntry
from cxrreport.store.columns import below
from cxrreport.store.engine import batches
from cxrreport.store.filing import PATIENT_CONFLICT, REPLACED
from cxrreport.store.runs import is_file
from cxrreport.store.schema import FailureRow, FileRow, ImageRow, RunRow

_SECOND = ("duplicate", "broken_copy", "conflict")  # what `filing.record_instance` makes of a second file of an image


def known_files(session: Session, entries: Sequence[FileEntry]) -> dict[str, bool]:
    """Return the paths among `entries` whose size and time are as when they were last recorded; True: only by dry runs.

    What gave way to another file is not among them once that lies there no more: a second file of an image, and one that
    names another patient than its study. Nor is a file whose image was given up, or moved, and that lies there again.
    """
    known: dict[str, bool] = {}
    columns = (FileRow.path, FileRow.size, FileRow.mtime_ns, FileRow.outcome, FileRow.previewed)
    of_image = (ImageRow.path.label("image_path"), ImageRow.reason, ImageRow.study_id)
    for batch in batches(entries):
        query = select(*columns, *of_image).outerjoin(ImageRow, ImageRow.id == FileRow.image_id)
        rows = session.execute(query.where(FileRow.path.in_([e.path for e in batch]))).all()
        free = _studies_that_lost_a_file(session, [row.study_id for row in rows if row.outcome == PATIENT_CONFLICT])
        held = [row for row in rows if _holds(row.path, row.outcome, row.image_path, row.reason)]
        seen = {(row.path, row.size, row.mtime_ns): row.previewed for row in held if row.study_id not in free}
        known |= {e.path: seen[e.path, e.size, e.mtime_ns] for e in batch if (e.path, e.size, e.mtime_ns) in seen}
    return known


def _holds(path: str, outcome: str, image_path: str | None, reason: str | None) -> bool:
    if image_path is None:
        return True
    if image_path == path:
        return reason != REPLACED
    return outcome != "image" and (outcome not in _SECOND or os.path.lexists(image_path))


def _studies_that_lost_a_file(session: Session, study_ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for batch in batches(dict.fromkeys(study_ids)):
        rows = session.execute(
            select(ImageRow.study_id, ImageRow.path).where(
                ImageRow.study_id.in_(batch), ImageRow.reason.is_distinct_from(REPLACED)
            )
        )
        found.update(study_id for study_id, path in rows if not os.path.lexists(path))
    return found


def knows_files_below(session: Session, folder: str) -> bool:
    """Tell whether a file below the absolute path `folder` was ever read."""
    return session.scalar(select(FileRow.id).where(below(FileRow.path, folder)).limit(1)) is not None


# -- what only dry runs have read -------------------------------------------------------------------------------------


class Previewed(NamedTuple):
    """What became of a file: its outcome, why its image is not used, and the code of its failure."""

    outcome: str
    reason: str | None
    failed: str | None


def mark_previewed(session: Session, paths: Sequence[str]) -> None:
    """Note that a dry run has read these files: no run has told of them yet."""
    _set_previewed(session, paths, previewed=True)


def take_previewed(session: Session, run_id: int, paths: Sequence[str], dry: str) -> list[Previewed]:
    """Return these files, which only dry runs have read, and let this run be the one that tells of them.

    A failure counts that a dry run has filed, whose counts have `dry`, or one that ended before it told anything.
    """
    found: dict[str, Previewed] = {}
    columns = (FileRow.path, FileRow.outcome, ImageRow.reason, FailureRow.code, RunRow.counts)
    for batch in batches(paths):
        query = select(*columns).outerjoin(ImageRow, ImageRow.id == FileRow.image_id)
        query = query.outerjoin(FailureRow, (FailureRow.path == FileRow.path) & is_file(batch))
        query = query.outerjoin(RunRow, RunRow.id == FailureRow.run_id)
        for path, outcome, reason, code, counts in session.execute(query.where(FileRow.path.in_(batch))):
            found[path] = Previewed(outcome, reason, None if counts and dry not in counts else code)
    for batch in batches([path for path, told in found.items() if told.failed]):
        session.execute(update(FailureRow).where(is_file(batch)).values(run_id=run_id))
    _set_previewed(session, list(found), previewed=False)
    return list(found.values())


def _set_previewed(session: Session, paths: Sequence[str], *, previewed: bool) -> None:
    for batch in batches(paths):
        session.execute(update(FileRow).where(FileRow.path.in_(batch)).values(previewed=previewed))
