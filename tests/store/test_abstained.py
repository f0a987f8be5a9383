"""A draft that the tool abstains from is stored whole, and nobody is told more of it than why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders.store import begin_run, scan_study
from sqlalchemy import Engine

from cxrreport.codes import Abstained
from cxrreport.drafts import Draft, Finding, Provenance
from cxrreport.errors import InputError
from cxrreport.findings import Change, State
from cxrreport.store import drafts, runs
from cxrreport.store.engine import session
from cxrreport.store.heard import drafted_states
from cxrreport.store.listing import Wanted, abstained_from, list_drafts
from cxrreport.store.reviews import check_study, draft_to_review
from cxrreport.store.schema import DraftRow
from cxrreport.store.trajectory import trajectory
from cxrreport.store.views import draft_facts, draft_view

ROWS = (Finding("edema", State.POSITIVE, 0.9, State.NEGATIVE, 0.1, Change.NEW, 0.8, 0.7),)
MADE = Provenance("w" * 64, 1, "x", "i")
DRAFT = Draft(
    1, None, "prior.none", "New edema.", "Edema.", "", ROWS, (), (), (), MADE, priority="urgent",
    priority_reason="not drafted", distance=1.7, abstained=Abstained.UNUSUAL,
)  # fmt: skip


@pytest.fixture
def study(engine: Engine) -> int:
    """A study with that draft."""
    found, run = scan_study(engine).id, begin_run(engine)
    with session(engine) as s:
        drafts.save_drafts(s, run, [DRAFT])
    return found


def test_readers_are_told_why_and_nothing_else(engine: Engine, study: int) -> None:
    with session(engine, read_only=True) as s:
        told, (line,) = draft_view(s, "1").draft, list_drafts(s, Wanted())
        assert list_drafts(s, Wanted(changed_only=True)) == []
    assert told is not None and told.text == f"Not drafted: {Abstained.UNUSUAL.sentence}." == told.not_drafted
    assert told.finding_rows == told.all_rows == told.regions == told.references == () and told.confidence is None
    assert (line.abstained, line.changes, line.priority) == (Abstained.UNUSUAL, {}, "urgent")


def test_it_is_stored_whole_to_be_judged_and_storing_it_again_changes_nothing(engine: Engine, study: int) -> None:
    with session(engine) as s:
        (before,) = drafts.save_drafts(s, begin_run(engine), [DRAFT])
        whole = draft_facts(s, s.get_one(DraftRow, before))
    assert (whole.text, whole.all_rows, whole.distance) == ("New edema.\n\nEdema.", ROWS, 1.7)
    with session(engine) as s:
        (after,) = drafts.save_drafts(s, begin_run(engine), [replace(DRAFT, abstained="")])
        shown = draft_view(s, "1").draft
    assert after == before and shown is not None and shown.text == whole.text


def test_later_drafts_and_the_course_hear_nothing_of_it(engine: Engine, study: int) -> None:
    with session(engine, read_only=True) as s:
        assert drafted_states(s, [study]) == drafted_states(s, [study], shadow=True) == {}
        assert trajectory(s, 1) == ()


def test_studies_are_listed_by_their_accession_numbers_in_shadow_too(engine: Engine) -> None:
    run = begin_run(engine)
    for name, changes in (("1", {}), ("2", {"shadow": True}), ("3", {"abstained": ""})):
        study = scan_study(engine, name, accession=f"A{name}")
        with session(engine) as s:
            drafts.save_drafts(s, run, [replace(DRAFT, study_id=study.id, **changes)])
    with session(engine, read_only=True) as s:
        assert abstained_from(s) == {"A1": Abstained.UNUSUAL, "A2": Abstained.UNUSUAL}


def test_there_is_nothing_to_judge(engine: Engine, study: int) -> None:
    for code, ask in (
        ("draft.abstained", lambda s: draft_to_review(s, study)),
        ("review.unknown", lambda s: check_study(s, 1, "1")),
    ):
        with session(engine) as s, pytest.raises(InputError) as refused:
            ask(s)
        assert refused.value.code == code


def test_the_status_counts_it_by_its_reason(engine: Engine, study: int) -> None:
    with session(engine, read_only=True) as s:
        found = runs.archive_status(s)
    assert found["abstained"] == {"abstain.unusual": 1} and found["priorities"]["urgent"] == 1
