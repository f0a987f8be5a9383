"""What the network was made for: chest films of adults. Other studies are left out and told of.

A child's is drafted where the user wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from cxrreport.codes import CODES
from cxrreport.pipeline.counts import Count
from cxrreport.records import ADULT, Failure, Study
from cxrreport.store import attempts, catalogue, drafts
from cxrreport.store.retry import transact

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from cxrreport.pipeline.run import Run

CHILD, NOT_CHEST = "scope.age", "scope.not_chest"


def is_child(study: Study) -> bool:
    """Whether the patient was under 18 at the study, by the birth date or by the age in the header.

    Where the two disagree the younger counts: a child that is drafted does harm, an adult that is left out is told of.
    A patient of unknown age is taken for an adult.
    """
    told = study.age_years is not None and study.age_years < ADULT
    return told or _is_before_birthday(study)


def _is_before_birthday(study: Study) -> bool:
    if study.birth_date is None:
        return False
    born, day = (
        study.birth_date,
        study.studied_at or datetime.now(UTC),
    )  # without a date of the study: still a child today
    return (day.year - ADULT, day.month, day.day) < (born.year, born.month, born.day)


def withdraw(run: Run, allow_children: bool) -> None:
    """Supersede preliminary drafts of the whole archive that the scope leaves out today, and tell why in each study's row.

    They were made before the rule, before a birth date or a file was corrected, or on a request that this run does not
    make. What a radiologist has judged is never touched.
    """
    if not allow_children:
        for page in _drafted_children(run.engine):
            run.transact(_withdraw, run, CHILD, page)
    found = transact(run.engine, catalogue.drafted_without_chest, read_only=True)
    run.transact(_withdraw, run, NOT_CHEST, found)


def _drafted_children(engine: Engine) -> Iterator[list[int]]:
    last = 0
    while True:
        page = transact(engine, partial(catalogue.drafted_young, years=ADULT, after_id=last), read_only=True)
        if not page:
            return
        last = page[-1].id
        yield [study.id for study in page if is_child(study)]


def _withdraw(s: Session, run: Run, code: str, study_ids: list[int]) -> None:
    run.count(Count.WITHDRAWN, drafts.withdraw_drafts(s, study_ids))
    attempts.fail_studies(s, run.id, [Failure(code, CODES[code].sentence, study_id=i) for i in study_ids])
