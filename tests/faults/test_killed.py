"""kill -9 at any point: the next run completes the work, nothing is doubled, nothing is half there."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from builders.process import Mishap, Process
from builders.tool import VISITS, Tool

PLAIN = "--without-retrieval"
COMPOSE = "cxrreport.drafting.compose:Composer.compose"
SAVE = "cxrreport.store.drafts:save_drafts"
CLAIM = "cxrreport.store.attempts:claim"
FILE = "cxrreport.store.newcomers:record_newcomers"
STATEMENT, STATEMENTS = "sqlalchemy.engine.default:DefaultDialect.do_execute", 340  # of one run
KILL = signal.SIGKILL
MOMENTS = {
    "in the scan": Mishap(FILE, 1, KILL, after=True),
    "before the first draft": Mishap(COMPOSE, 1, KILL),
    "after three drafts": Mishap(COMPOSE, 5, KILL),
    "within the transaction of drafts": Mishap(SAVE, 3, KILL, after=True),
    "within the claim": Mishap(CLAIM, 2, KILL, after=True),
}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, tuple[str, str, str]]]:
    """Texts of a run that nothing disturbed, once known."""
    return {}


@pytest.fixture
def expected(
    tool: Tool, shared_export: Path, undisturbed: dict[str, dict[str, tuple[str, str, str]]], sqlite_template: bytes
) -> dict[str, tuple[str, str, str]]:
    if not undisturbed:
        tool.json("generate", shared_export, PLAIN)
        undisturbed["texts"] = tool.texts()
        (tool.home / "cxrreport.db").write_bytes(sqlite_template)
    return undisturbed["texts"]


def check(home: Path) -> str:
    with sqlite3.connect(home / "cxrreport.db") as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_next_run_completes_a_killed_one(
    tool: Tool, shared_export: Path, expected: dict[str, tuple[str, str, str]], moment: str
) -> None:
    killed = Process(tool.home, "generate", shared_export, PLAIN, "--batch-size", "1", mishap=MOMENTS[moment])
    assert killed.wait() == -KILL
    drafted = sum(tool.drafts().values())
    assert drafted == {"after three drafts": 3, "within the transaction of drafts": 5, "within the claim": 3}.get(
        moment, 0
    )
    found = tool.json("generate", shared_export, PLAIN)
    assert found["drafted"] == 8 - drafted and found["failed"] == {}
    assert tool.drafts() == {visit.accession: 1 for visit in VISITS} and tool.texts() == expected
    assert tool.rows("SELECT count(*) FROM failure") == [0] and check(tool.home) == "ok"
    assert tool.rows("SELECT exit_code, ended_at IS NULL FROM run ORDER BY id") == [
        (None, 0),
        (0, 0),
    ]  # closed, unknown how
    assert tool.rows("SELECT count(*) FROM finding") == [8 * 14]


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(50))
def test_a_run_with_children_that_is_killed_at_any_statement_is_completed(
    tool: Tool, shared_export: Path, expected: dict[str, tuple[str, str, str]], seed: int
) -> None:
    """Twice: what resumes may be killed as well. Few die in the first statements, some when all is done."""
    moment = random.Random(seed)
    for _ in range(2):
        mishap = Mishap(STATEMENT, moment.randint(1, STATEMENTS), KILL, after=moment.random() < 0.5)
        run = Process(tool.home, "generate", shared_export, PLAIN, "--batch-size", "2", "--workers", "2", mishap=mishap)
        assert run.wait() in (-KILL, 0)
    tool.json("generate", shared_export, PLAIN)
    assert tool.texts() == expected and tool.rows("SELECT count(*) FROM draft") == [8]
    assert tool.rows("SELECT count(*) FROM failure") == [0] and check(tool.home) == "ok"
    assert tool.rows("SELECT count(*) FROM run WHERE ended_at IS NULL") == [0]


def test_a_killed_run_on_postgresql_is_completed(
    tool: Tool, shared_export: Path, new_postgres: object, postgres_template: str
) -> None:
    tool.db = new_postgres(postgres_template)  # type: ignore[operator]
    mishap = MOMENTS["within the transaction of drafts"]
    killed = Process(tool.home, "generate", shared_export, PLAIN, "--batch-size", "1", mishap=mishap, db=tool.db)
    assert killed.wait() == -KILL
    wait_for_the_server(tool)
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 3
    assert tool.drafts() == {visit.accession: 1 for visit in VISITS}


def wait_for_the_server(tool: Tool) -> None:
    """A busy PostgreSQL takes a moment to see that a client is dead, and holds its lock until then."""
    for _ in range(100):
        if tool.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [0]:
            return
        time.sleep(0.1)


def test_a_study_that_kills_every_run_is_quarantined_alone(tool: Tool, shared_export: Path) -> None:
    """All eight are in one batch at first; then each is drafted alone, and only the poison keeps its attempts."""
    poison = Mishap("cxrreport.drafting.compose:Composer.compose", 1, KILL)
    assert Process(tool.home, "generate", shared_export, PLAIN, mishap=poison).wait() == -KILL
    assert tool.rows("SELECT count(*), sum(count) FROM attempt") == [(8, 8)]
    for _ in range(2):
        assert Process(tool.home, "generate", shared_export, PLAIN, mishap=poison).wait() == -KILL
    last = tool.json("generate", shared_export, PLAIN)
    assert last["drafted"] == 7 and last["skipped"] == {"study.quarantined": 1}
    assert tool.rows("SELECT accession, attempts FROM failure JOIN study ON study.id = study_id") == [("A101", 3)]
    assert tool("show", "A101") == 3 and "run.interrupted" in tool.out
    status = tool.json("status")
    assert status["quarantined"] == 1 and status["failures"] == {}


@pytest.mark.parametrize("step", ["settle", "publish"])
def test_a_killed_index_build_leaves_the_old_index_serving(
    tool: Tool, shared_export: Path, shared_reports: Path, tmp_path: Path, step: str
) -> None:
    old = tool.json("index", shared_reports)["index"]["version"]
    more = tmp_path / "B1.txt"
    more.write_text("FINDINGS: Clear lungs.\n")
    build = Mishap(f"cxrreport.retrieval.publish:{step}", 1, KILL)
    assert Process(tool.home, "index", more, mishap=build).wait() == -KILL
    tool.json("generate", shared_export, "--limit", "1")
    assert tool.rows("SELECT index_version FROM draft") == [old]
    assert not list((tool.home / "index").glob("*.tmp*"))
    assert tool.json("index")["index"]["version"] != old
