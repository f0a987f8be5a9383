"""Rows of what left the archive: planned before the first object is sent, counted with each attempt, delivered once."""

from __future__ import annotations

import pytest
from builders.store import begin_run, save_draft, scan
from sqlalchemy import Engine, delete

from cxrreport.errors import LockedError
from cxrreport.store.deliveries import plan_delivery, record_attempt
from cxrreport.store.engine import hold_archive, session
from cxrreport.store.hold import hold_sending
from cxrreport.store.listing import Wanted, count_drafts, list_drafts
from cxrreport.store.outcomes import DeliveryRow
from cxrreport.store.schema import DraftRow

PACS, RIS = "dicom://PACS@pacs:104", "mllp://ris:2575"


@pytest.fixture
def draft_id(engine: Engine) -> int:
    """The first of two drafts."""
    scan(engine, "1.2.1", "P1")
    scan(engine, "1.2.2", "P2")
    run_id = begin_run(engine)
    for study_id in (1, 2):
        save_draft(engine, run_id, study_id)
    with session(engine, read_only=True) as s:
        return min(line.draft_id for line in list_drafts(s, Wanted()))


def plan(engine: Engine, draft_id: int, *objects: str, target: str = PACS) -> list[str]:
    with session(engine) as s:
        return plan_delivery(s, draft_id, target, objects)


def record(engine: Engine, draft_id: int, name: str, delivered: bool = True) -> None:
    with session(engine) as s:
        record_attempt(s, draft_id, PACS, name, "status 0x0000" if delivered else "status 0xA700", delivered)


def lacking(engine: Engine, target: str = PACS) -> list[int]:
    with session(engine, read_only=True) as s:
        wanted = Wanted(lacking=target)
        found = [line.draft_id for line in list_drafts(s, wanted)]
        assert len(found) == count_drafts(s, wanted)
        return sorted(found)


def test_a_target_has_a_draft_once_it_has_all_of_its_objects(engine: Engine, draft_id: int) -> None:
    assert lacking(engine) == [draft_id, draft_id + 1]
    assert plan(engine, draft_id, "sr", "sc") == ["sr", "sc"]
    record(engine, draft_id, "sr")
    assert lacking(engine) == [draft_id, draft_id + 1] and plan(engine, draft_id, "sr", "sc") == ["sc"]
    record(engine, draft_id, "sc")
    assert lacking(engine) == [draft_id + 1] and plan(engine, draft_id, "sr", "sc") == []
    assert lacking(engine, RIS) == [draft_id, draft_id + 1], "another target has got nothing"


def test_every_attempt_counts_and_the_last_answer_stays(engine: Engine, draft_id: int) -> None:
    plan(engine, draft_id, "sr")
    record(engine, draft_id, "sr", delivered=False)
    record(engine, draft_id, "sr")
    with session(engine, read_only=True) as s:
        row = s.query(DeliveryRow).one()
        assert (row.attempts, row.answer, row.delivered) == (2, "status 0x0000", True)


def test_what_waits_under_a_name_that_is_no_more_made_is_forgotten(engine: Engine, draft_id: int) -> None:
    """Else an upgrade between two calls would leave the draft incomplete for ever."""
    plan(engine, draft_id, "old", "sc")
    record(engine, draft_id, "sc")
    assert plan(engine, draft_id, "new", "sc") == ["new"]
    record(engine, draft_id, "new")
    assert lacking(engine) == [draft_id + 1]


def test_nothing_is_planned_for_a_draft_that_was_erased(engine: Engine, draft_id: int) -> None:
    with session(engine) as s:
        s.execute(delete(DraftRow).where(DraftRow.id == draft_id))
    assert plan(engine, draft_id, "sr") == []
    record(engine, draft_id, "sr")


def test_one_call_sends_at_a_time_while_a_run_holds_the_archive(engine: Engine) -> None:
    with hold_archive(engine), hold_sending(engine) as check:
        check()
        with pytest.raises(LockedError, match="sends"), hold_sending(engine):
            pass
    with hold_sending(engine):
        pass
