"""The jobs of `review`: a verdict on one draft, and a file of them. The archive is held as by a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport.drafts import Review
from cxrreport.errors import CxrReportError, InputError, UsageError
from cxrreport.pipeline.verdicts import Told, check, read_verdicts
from cxrreport.settings import Settings
from cxrreport.store.engine import held_archive, session
from cxrreport.store.reviews import add_review, check_study, draft_to_review
from cxrreport.store.views import find_study

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def review(settings: Settings, study_key: str, verdict: Review) -> int:
    """Store a verdict that is given now on the draft that a reader sees of a study; return the id of the draft.

    Raises
    ------
    UsageError : no study, or more than one, is named so. InputError : it has no draft. LockedError : a run is at work.
    """
    check(verdict)
    with held_archive(settings) as engine, session(engine) as s:
        draft_id = draft_to_review(s, find_study(s, study_key).id)
        add_review(s, draft_id, verdict, timed=False)
    return draft_id


def import_reviews(settings: Settings, file: Path, reviewer: str) -> tuple[dict[str, Any], int]:
    """Store the verdicts of a file; return counts and the exit code. What cannot be stored is told, and the rest goes on.

    Returns
    -------
    `added`, `known` (stored before), `refused` by code, and `problems`: number of the entry (of a table the line), code and
    sentence of each.

    Raises
    ------
    UsageError : it is no file of verdicts. LockedError : a run is at work.
    """
    entries = read_verdicts(file, reviewer)
    counts, refused, problems = Counter[str](), Counter[str](), list[dict[str, Any]]()
    with held_archive(settings) as engine, session(engine) as s:
        for number, told in entries:
            try:
                counts["added" if _store(s, told) else "known"] += 1
            except (InputError, UsageError) as error:
                refused[error.code] += 1
                problems.append(_problem(number, error))
    found = {"added": counts["added"], "known": counts["known"], "refused": dict(refused), "problems": problems}
    return found, 3 if problems else 0


def _store(s: Session, told: Told | InputError) -> bool:
    if isinstance(told, InputError):
        raise told
    if told.draft_id is None:
        return add_review(s, draft_to_review(s, find_study(s, told.study).id), told.review, timed=told.timed)
    check_study(s, told.draft_id, told.study)
    return add_review(s, told.draft_id, told.review, timed=told.timed)


def _problem(number: int, error: CxrReportError) -> dict[str, Any]:
    return {"entry": number, "code": error.code, "sentence": error.message}
