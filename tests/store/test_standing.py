"""One draft stands of a study, whoever asks; what was made in shadow is as if it were not there."""

from __future__ import annotations

import itertools

import pytest
from builders.store import begin_run, save_draft, scan_study
from sqlalchemy import Engine, select, update

from cxrreport.codes import Flag
from cxrreport.drafts import DraftStatus
from cxrreport.store import catalogue, runs
from cxrreport.store.engine import session
from cxrreport.store.heard import drafted_states
from cxrreport.store.listing import Wanted, count_undrafted, list_drafts
from cxrreport.store.schema import DraftRow
from cxrreport.store.standing import standing, stands
from cxrreport.store.views import draft_view

P, S, R, J = DraftStatus.PRELIMINARY, DraftStatus.SUPERSEDED, DraftStatus.REVIEWED, DraftStatus.REJECTED


@pytest.fixture
def study(engine: Engine) -> int:
    """A study with three superseded drafts, of ids 1 to 3."""
    study_id, run = scan_study(engine).id, begin_run(engine)
    for name in "abc":
        save_draft(engine, run, study_id, name)
    return study_id


def give(engine: Engine, *rows: tuple[DraftStatus, bool]) -> None:
    """Give the drafts these statuses, and say of each whether it was made in shadow."""
    with session(engine) as s:
        s.execute(update(DraftRow).values(status=S))
        for number, (status, shadow) in enumerate(rows, 1):
            s.execute(update(DraftRow).where(DraftRow.id == number).values(status=status, shadow=shadow))


@pytest.mark.parametrize(
    ("rows", "shown", "made"),
    [
        ([(S, False), (P, False), (R, False)], 2, 2),  # a preliminary one waits for its reader
        ([(R, False), (J, False), (S, False)], 2, 2),
        ([(R, False), (P, True)], 1, 2),  # what a reader has judged stays in sight
        ([(P, True)], None, 1),
        ([(S, False), (S, True)], None, None),
        ([(J, True), (R, False), (J, True)], 2, 3),
    ],
)
def test_one_draft_stands(
    engine: Engine, study: int, rows: list[tuple[DraftStatus, bool]], shown: int | None, made: int | None
) -> None:
    give(engine, *rows)
    with session(engine, read_only=True) as s:
        for shadow, wanted in ((False, shown), (True, made)):
            found = standing(s, study, shadow=shadow)
            assert (found.id if found else None) == wanted


def test_never_two_stand_and_what_is_due_is_told_by_all_that_were_made(engine: Engine, study: int) -> None:
    kinds = [(status, shadow) for status in (S, R, J) for shadow in (False, True)]
    for rows in itertools.product(kinds, kinds, [*kinds, (P, True), (P, False)]):
        give(engine, *rows)
        with session(engine, read_only=True) as s:
            shown, made = ([*s.scalars(select(DraftRow.id).where(stands(shadow=one)))] for one in (False, True))
            current = catalogue.current_drafts(s, [study])
        assert len(shown) <= 1 and len(made) == any(status is not S for status, _ in rows)
        assert made == [draft.draft_id for draft in current.values()]


def test_a_draft_in_shadow_is_in_no_view_and_no_list_but_counted(engine: Engine, study: int) -> None:
    give(engine, (S, False), (S, False), (P, True))
    with session(engine, read_only=True) as s:
        view = draft_view(s, "1")
        assert view.draft is None and view.in_shadow and list_drafts(s, Wanted()) == []
        assert drafted_states(s, [study]) == {} and drafted_states(s, [study], shadow=True) == {study: {}}
        assert count_undrafted(s, Wanted()) == {"draft.shadow": 1}
        status = runs.archive_status(s)
    assert status["shadow"] == 1 and status["undrafted"] == 0
    with session(engine) as s:
        s.execute(update(DraftRow).values(flags=[Flag.UNPROVED]))
        assert count_undrafted(s, Wanted()) == {"draft.unproved": 1} and draft_view(s, "1").unproved
    give(engine, (S, False), (S, False), (P, False))
    with session(engine, read_only=True) as s:
        assert draft_view(s, "1").draft is not None and not draft_view(s, "1").in_shadow
        assert len(list_drafts(s, Wanted())) == 1 and runs.archive_status(s)["shadow"] == 0


def test_drafts_that_wait_are_counted_by_priority(engine: Engine, study: int) -> None:
    with session(engine) as s:
        s.execute(update(DraftRow).values(priority="urgent"))
    with session(engine, read_only=True) as s:
        assert runs.archive_status(s)["priorities"] == {"critical": 0, "urgent": 1, "notable": 0, "routine": 0}
    give(engine, (P, True))
    with session(engine, read_only=True) as s:
        assert not any(runs.archive_status(s)["priorities"].values())
