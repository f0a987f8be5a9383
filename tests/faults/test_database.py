"""A database that is lost in the middle of a night: the batch is done again, or the run ends with 69 and work waits."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.process import before_call
from builders.tool import VISITS, Tool

PLAIN = "--without-retrieval"
COMPOSE = "cxrreport.drafting.compose:Composer.compose"
SAVE = "cxrreport.store.drafts:save_drafts"
ALL = {visit.accession: 1 for visit in VISITS}


@pytest.fixture
def on_postgres(tool: Tool, new_postgres: Callable[[str], str], postgres_template: str) -> Tool:
    tool.db = new_postgres(postgres_template)
    return tool


def generate(export: Path) -> list[str]:
    return ["generate", str(export), PLAIN, "--batch-size", "2"]


def test_a_postgresql_that_restarts_in_the_middle_of_a_batch_costs_nothing(
    on_postgres: Tool, shared_export: Path, restart: Callable[[float], threading.Timer], monkeypatch: pytest.MonkeyPatch
) -> None:
    before_call(monkeypatch, SAVE, 2, lambda: restart(1.0))
    found = on_postgres.json(*generate(shared_export))
    assert found["drafted"] == 8 and found["failed"] == {} and found["paired"] == 3
    assert "database.lost" in on_postgres.err
    assert on_postgres.drafts() == ALL and on_postgres.rows("SELECT count(*) FROM draft") == [8]
    assert on_postgres.rows("SELECT exit_code FROM run") == [0]
    assert on_postgres.rows("SELECT count(*) FROM attempt") == [0]


def test_a_postgresql_that_stays_away_ends_the_run_and_the_rest_is_pending(
    on_postgres: Tool, shared_export: Path, restart: Callable[[float], threading.Timer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRREPORT_DB_TIMEOUT_S", "1")
    away: list[threading.Timer] = []
    before_call(monkeypatch, SAVE, 2, lambda: away.append(restart(0)))
    assert on_postgres(*generate(shared_export)) == 69
    away[0].start()
    away[0].join()
    monkeypatch.setenv("CXRREPORT_DB_TIMEOUT_S", "20")
    assert on_postgres.json(*generate(shared_export))["drafted"] == 3
    assert on_postgres.drafts() == ALL
    assert on_postgres.rows("SELECT exit_code FROM run WHERE ended_at IS NOT NULL ORDER BY id") == [None, 0]


def lose_the_lock(tool: Tool) -> None:
    tool.rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")


def test_a_lost_lock_is_taken_back(on_postgres: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    before_call(monkeypatch, COMPOSE, 3, lambda: lose_the_lock(on_postgres))
    before_call(
        monkeypatch,
        COMPOSE,
        4,  # of the second chunk
        lambda: held.extend(on_postgres.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")),
    )
    assert on_postgres.json(*generate(shared_export))["drafted"] == 8
    assert held == [1]


def test_a_run_that_lost_the_archive_to_another_one_drafts_nothing_twice(
    on_postgres: Tool, shared_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Tool(tmp_path / "other", on_postgres.db)

    def taken_over() -> None:
        lose_the_lock(on_postgres)
        assert other.json(*generate(shared_export))["drafted"] == 3

    before_call(monkeypatch, COMPOSE, 4, taken_over)
    assert on_postgres(*generate(shared_export)) == 75
    assert on_postgres.drafts() == ALL and on_postgres.rows("SELECT count(*) FROM draft") == [8]
    assert on_postgres.rows("SELECT exit_code FROM run ORDER BY id") == [75, 0]


@pytest.mark.parametrize(
    ("held_s", "timeout_s", "code"),
    [
        (0.5, 20, 0),
        (None, 1, 69),
        pytest.param(60, 90, 0, marks=pytest.mark.nightly),
        pytest.param(60, 30, 69, marks=pytest.mark.nightly),
    ],
)
def test_a_sqlite_that_somebody_holds(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch, held_s: float | None, timeout_s: float, code: int
) -> None:
    """Without a time, until the run has ended."""
    monkeypatch.setenv("CXRREPORT_DB_TIMEOUT_S", str(timeout_s))
    other = sqlite3.connect(tool.home / "cxrreport.db", isolation_level=None, check_same_thread=False)
    timer = threading.Timer(held_s or 0, other.execute, ["ROLLBACK"])

    def hold() -> None:
        other.execute("BEGIN IMMEDIATE")
        if held_s:
            timer.start()

    before_call(monkeypatch, COMPOSE, 4, hold)
    assert tool(*generate(shared_export)) == code
    if not held_s:
        timer.start()
    timer.join()
    other.close()
    assert sum(tool.drafts().values()) == (5 if code else 8)
    assert tool.rows("SELECT count(*) FROM failure") == [0]
    if code:
        assert tool.json(*generate(shared_export))["drafted"] == 3 and tool.drafts() == ALL
