"""A full disk and a home that cannot be written: exit code 74, what was there stays, the next run goes on."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from builders.tool import Tool

PLAIN = "--without-retrieval"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: the nearest to a full disk that needs no rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [8, 40, 80])
def test_a_full_disk_of_the_database(tool: Tool, shared_export: Path, room: int) -> None:
    tool.json("generate", shared_export, PLAIN, "--limit", "2")
    database = tool.home / "cxrreport.db"
    before = tool.texts()
    with largest_file(room * 1024):
        assert tool("generate", shared_export, PLAIN, "--redo", "all", "--batch-size", "1") == 74
    assert "disk" in tool.err and "Traceback" not in tool.err
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert {key: tool.texts()[key] for key in before} == before
    tool.json("generate", shared_export, PLAIN)
    assert sum(tool.drafts().values()) == 8
    assert tool.rows("SELECT count(*) FROM failure WHERE quarantined") == [0]


def test_a_full_disk_at_the_very_start(tool: Tool, shared_export: Path) -> None:
    with largest_file(8):
        assert tool("generate", shared_export, PLAIN) == 74
    assert "[io]" in tool.err


def test_a_full_disk_of_the_index(
    tool: Tool, shared_export: Path, shared_reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tool.json("index", shared_reports)["index"]["version"]
    more = tmp_path / "B1.txt"
    more.write_text("FINDINGS: Clear lungs.\n")
    with monkeypatch.context() as disk:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk.setattr("cxrreport.retrieval.publish.settle", Mock(side_effect=full))
        assert tool("index", more) == 74
    assert (tool.home / "index" / "CURRENT").read_text().strip() == old
    assert [path.name for path in (tool.home / "index").iterdir() if path.is_dir()] == [old]
    assert tool.json("generate", shared_export, "--limit", "1")["drafted"] == 1


def test_a_home_that_cannot_be_made(tool: Tool, shared_export: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    tool.home = tmp_path / "file" / "home"
    assert tool("generate", shared_export, PLAIN) == 74 and tool("status") == 74
    assert str(tmp_path) not in tool.err


def test_a_manifest_that_cannot_be_written_is_told_and_no_more(tool: Tool, shared_export: Path) -> None:
    (tool.home / "runs").write_text("a file where a folder should be")
    assert tool.json("generate", shared_export, PLAIN, "--limit", "1")["drafted"] == 1
    assert "manifest.not_written" in tool.err
