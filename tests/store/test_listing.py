"""How many studies have no draft, and why: what a worklist tells at its foot."""

from __future__ import annotations

from datetime import date, datetime

from builders.store import NOON, begin_run, make_instance, record_image, save_draft, scan, scan_study
from sqlalchemy import Engine

from cxrreport.records import Failure
from cxrreport.store import attempts
from cxrreport.store.engine import session
from cxrreport.store.listing import Wanted, count_undrafted


def counted(engine: Engine, wanted: Wanted | None = None) -> dict[str, int]:
    with session(engine, read_only=True) as s:
        return count_undrafted(s, wanted or Wanted())


def fail(engine: Engine, run: int, *study_ids: int) -> None:
    with session(engine) as s:
        attempts.fail_studies(s, run, [Failure("study.no_frontal", "No.", study_id=one) for one in study_ids])


def test_studies_without_a_draft_are_counted_by_their_reason(engine: Engine) -> None:
    drafted, lateral, other, _ = (scan_study(engine, name) for name in "1234")
    run = begin_run(engine)
    save_draft(engine, run, drafted.id)
    fail(engine, run, drafted.id, lateral.id, other.id)  # the drafted one has failed to get a newer draft
    assert counted(engine) == {"draft.none": 1, "study.no_frontal": 2}


def test_a_study_without_a_usable_image_is_counted_by_what_its_images_were_refused_for(engine: Engine) -> None:
    for study in "123":
        scan(engine, study, reason="modality")
    record_image(engine, make_instance("2.2", "2"))  # one that may still be drafted from
    fail(engine, begin_run(engine), 3)  # what failed says more
    assert counted(engine) == {"draft.none": 1, "modality": 1, "study.no_frontal": 1}


def test_only_studies_of_the_wanted_days_are_counted(engine: Engine) -> None:
    early, late = scan_study(engine, "1", studied_at=datetime(2023, 1, 1)), scan_study(engine, "2")
    fail(engine, begin_run(engine), early.id, late.id)
    assert counted(engine, Wanted(since=NOON.date())) == {"study.no_frontal": 1}
    assert counted(engine, Wanted(until=date(2022, 12, 31))) == {}


def test_who_asks_for_a_priority_is_told_of_no_study_without_a_draft(engine: Engine) -> None:
    scan_study(engine)
    assert counted(engine) == {"draft.none": 1} and counted(engine, Wanted(priority=("urgent",))) == {}
