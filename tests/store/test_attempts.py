"""Attempts are counted before the work, are no failures while it lasts, and quarantine what fails or kills three runs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from builders.store import begin_run, save_draft, scan
from sqlalchemy import Engine, select

from cxrreport.records import Failure
from cxrreport.store import attempts, runs
from cxrreport.store.engine import session
from cxrreport.store.schema import FailureRow
from cxrreport.store.views import draft_view

BROKEN = Failure("pixels.truncated", "The image is cut short.", study_id=1)


@pytest.fixture
def run_id(engine: Engine) -> int:
    """Studies 1 and 2, and a run."""
    scan(engine, "1.2.1", "P1")
    scan(engine, "1.2.2", "P2")
    return begin_run(engine)


def claim(engine: Engine, run_id: int, study_ids: Sequence[int]) -> list[int]:
    with session(engine) as current:
        return attempts.claim(current, run_id, study_ids)


def failures(engine: Engine) -> dict[int | None, tuple[str, int, bool]]:
    with session(engine, read_only=True) as current:
        rows = current.scalars(select(FailureRow))
        return {row.study_id: (row.code, row.attempts, row.quarantined) for row in rows}


def tried(engine: Engine) -> dict[int, int | None]:
    with session(engine, read_only=True) as current:
        return attempts.past_attempts(current, [1, 2])


def test_a_healthy_study_in_work_is_no_failure(engine: Engine, run_id: int) -> None:
    assert claim(engine, run_id, [1, 2, 1]) == [1, 2] and tried(engine) == {1: 1, 2: 1}
    with session(engine, read_only=True) as current:
        status, view = runs.archive_status(current), draft_view(current, "1")
    assert (status["failures"], status["quarantined"], view and view.failure) == ({}, 0, None)
    save_draft(engine, run_id, 1)
    assert failures(engine) == {} and tried(engine) == {2: 1}


def test_a_claim_whose_answer_was_lost_is_counted_once(engine: Engine, run_id: int) -> None:
    assert [claim(engine, run_id, [1]) for _ in range(4)] == [[1]] * 4
    assert tried(engine) == {1: 1}


def test_what_a_killed_run_was_to_draft_anew_is_no_failure_once_it_is_known_to_be_current(
    engine: Engine, run_id: int
) -> None:
    claim(engine, run_id, [1, 2])
    begin_run(engine)
    with session(engine) as current:
        attempts.clear_interrupted(current, [1])
    assert failures(engine) == {2: ("run.interrupted", 1, False)}
    assert tried(engine) == {1: 1, 2: 1}  # what kills every run is still found out


def test_a_graceful_stop_costs_no_attempt(engine: Engine, run_id: int) -> None:
    claim(engine, run_id, [1])
    run_id = begin_run(engine)
    claim(engine, run_id, [1, 2])
    with session(engine) as current:
        attempts.release(current, [1, 2, 3])
    assert tried(engine) == {1: 1} and failures(engine) == {1: ("run.interrupted", 1, False)}


def test_a_failed_study_keeps_its_attempts_and_is_no_claim_to_release(engine: Engine, run_id: int) -> None:
    for attempt in (1, 2, 3):
        assert claim(engine, run_id, [1]) == [1]
        with session(engine) as current:
            attempts.fail_studies(current, run_id, [BROKEN])
            attempts.release(current, [1])
        begin_run(engine)
        assert failures(engine) == {1: ("pixels.truncated", attempt, attempt == 3)}
    assert claim(engine, run_id, [1]) == []
    with session(engine, read_only=True) as current:
        view, status = draft_view(current, "1.2.1"), runs.archive_status(current)
    assert view and view.failure and view.draft is None and status["quarantined"] == 1
    assert (view.failure.code, view.failure.quarantined) == ("pixels.truncated", True)


def test_a_failure_that_nobody_claimed_never_quarantines(engine: Engine, run_id: int) -> None:
    away = [Failure("pixels.unreadable", "Away.", study_id=study_id) for study_id in (1, 2)]
    claim(engine, run_id, [2])
    for _ in range(4):
        with session(engine) as current:
            attempts.fail_studies(current, run_id, away)
    assert failures(engine) == {1: ("pixels.unreadable", 0, False), 2: ("pixels.unreadable", 1, False)}
    assert claim(engine, run_id, [1, 2]) == [1, 2]


def test_a_failure_of_a_study_names_it(engine: Engine, run_id: int) -> None:
    with session(engine) as current, pytest.raises(ValueError):
        attempts.fail_studies(current, run_id, [Failure("a", "A.", path="/x")])
