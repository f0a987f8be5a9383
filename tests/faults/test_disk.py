"""A full disk and a home that cannot be written: exit code 74, what was there stays, the next run goes on."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from builders.limits import largest_file
from builders.tool import VISITS, Tool

PLAIN = "--without-retrieval"


@pytest.fixture
def disk() -> Iterator[Callable[[Path], Path]]:
    """Return a function that puts a real disk of 4 MB at a folder, which keeps what it holds."""
    mounted: list[Path] = []

    def put(folder: Path) -> Path:
        held = [(path, path.read_bytes()) for path in folder.glob("*") if path.is_file()]
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip("a disk can be mounted by root alone")
        mounted.append(folder)
        for path, content in held:
            path.write_bytes(content)
        return folder

    yield put
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, room: int) -> Path:
    """Leave `room` bytes on a disk; returns the file to remove."""
    waste = folder / "waste"
    waste.write_bytes(bytes(shutil.disk_usage(folder).free - room))
    return waste


def test_a_database_on_a_full_disk(tool: Tool, shared_export: Path, disk: Callable[[Path], Path]) -> None:
    disk(tool.home)
    tool.json("generate", shared_export, PLAIN, "--limit", "2")
    before, waste = tool.texts(), fill(tool.home, 64 * 1024)
    assert tool("generate", shared_export, PLAIN, "--batch-size", "1") == 74
    assert f"The disk of the database is full ({tool.home / 'cxrreport.db'})." in tool.err
    waste.unlink()
    assert tool.rows("PRAGMA integrity_check") == ["ok"]
    assert {key: tool.texts()[key] for key in before} == before
    tool.json("generate", shared_export, PLAIN)
    assert tool.drafts() == {visit.accession: 1 for visit in VISITS}
    assert tool.rows("SELECT count(*) FROM failure") == [0]


def test_an_index_on_a_full_disk(
    tool: Tool, shared_reports: Path, tmp_path: Path, disk: Callable[[Path], Path]
) -> None:
    (tool.home / "index").mkdir()
    index = disk(tool.home / "index")
    old = tool.json("index", shared_reports)["index"]["version"]
    (tmp_path / "B1.txt").write_text("FINDINGS: Clear lungs.\n")
    waste = fill(index, 2 * 4096)
    assert tool("index", tmp_path / "B1.txt") == 74
    assert "index" in tool.err and f"({index})" in tool.err
    assert [path.name for path in index.iterdir() if path.is_dir()] == [old]
    assert (index / "CURRENT").read_text().strip() == old
    waste.unlink()
    assert tool.json("index")["index"]["version"] != old


def test_what_only_reads_works_in_a_home_that_cannot_be_written(
    drafted: Tool, shared_export: Path, tmp_path: Path, disk: Callable[[Path], Path]
) -> None:
    home = Path(shutil.copytree(drafted.home, disk(tmp_path) / "home"))
    drafted.home = home
    subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
    for command in (
        "status",
        "runs",
        "failures",
        "show A101",
        "db current",
        "index --list",
        "index --verify",
        "doctor",
    ):
        assert drafted(*command.split()) == 0, drafted.err
    assert drafted("generate", shared_export, PLAIN) == 74 and str(home) in drafted.err


@pytest.mark.parametrize("room", [40])
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
    assert tool("generate", shared_export, PLAIN) == 74 and tool("status") == 78
    assert str(tool.home) in tool.err


def test_a_manifest_that_cannot_be_written_is_told_and_no_more(tool: Tool, shared_export: Path) -> None:
    (tool.home / "runs").write_text("a file where a folder should be")
    assert tool.json("generate", shared_export, PLAIN, "--limit", "1")["drafted"] == 1
    assert "manifest.not_written" in tool.err
