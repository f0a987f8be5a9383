"""Two runs at once: the second one ends with 75 and names the first; what a dead run left behind blocks nobody."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.process import Mishap, Process, children_of, is_alive, wait_until
from builders.tool import Tool

PLAIN = "--without-retrieval"
SLOWLY = Mishap("cxrreport.drafting.compose:Composer.compose", sleep_s=30)


@pytest.fixture
def holder(tool: Tool, shared_export: Path) -> Iterator[Process]:
    """A run that is at work."""
    process = Process(tool.home, "generate", shared_export, PLAIN, mishap=SLOWLY)
    wait_until(lambda: tool.rows("SELECT count(*) FROM attempt") == [8])
    yield process
    process.end()


def test_a_second_run_names_the_first_and_ends(tool: Tool, shared_export: Path, holder: Process) -> None:
    for command in (["generate", str(shared_export), PLAIN], ["generate", str(shared_export), "--dry-run"], ["index"]):
        assert tool(*command, "--json") == 75
        assert json.loads(tool.out)["error"]["code"] == "locked"
        assert f"process {holder.pid}," in tool.err
    assert tool.rows("SELECT count(*) FROM run") == [1]


def test_looking_is_possible_while_a_run_is_at_work(tool: Tool, holder: Process) -> None:
    assert tool.json("status")["studies"] == 8
    assert [tool(*command) for command in (["runs"], ["show", "A101"], ["db", "current"])] == [0, 3, 0]


def test_a_dead_run_blocks_nobody_and_leaves_no_children(tool: Tool, shared_export: Path) -> None:
    dead = Process(tool.home, "generate", shared_export, PLAIN, "--workers", "1", mishap=SLOWLY)
    wait_until(lambda: tool.rows("SELECT count(*) FROM attempt") == [8])
    children = children_of(dead.pid)
    assert children
    dead.signal(signal.SIGKILL)
    assert dead.wait() == -signal.SIGKILL
    wait_until(lambda: not any(map(is_alive, children)))
    assert json.loads((tool.home / "lock").read_text())["pid"] == dead.pid
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 8


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1, "started": "2020-01-01T00:00:00+00:00"}', "x" * 4000])
def test_whatever_a_lock_file_holds_it_blocks_nobody(tool: Tool, shared_export: Path, left: str) -> None:
    (tool.home / "lock").write_text(left)
    assert tool.json("generate", shared_export, "--dry-run")["studies"] == 8


def test_two_homes_of_one_postgresql_exclude_each_other(
    tool: Tool, shared_export: Path, tmp_path: Path, new_postgres: Callable[[str], str], postgres_template: str
) -> None:
    tool.db = new_postgres(postgres_template)
    elsewhere = Process(tmp_path / "other", "generate", shared_export, PLAIN, mishap=SLOWLY, db=tool.db)
    wait_until(lambda: tool.rows("SELECT count(*) FROM attempt") == [8])
    assert tool("generate", shared_export, PLAIN) == 75
    elsewhere.end()
    wait_until(lambda: tool("generate", shared_export, PLAIN) == 0)
    assert sum(tool.drafts().values()) == 8
