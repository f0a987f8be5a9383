"""An export that is empty tonight: told where it had files before, refused where files are expected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from builders.process import before_call
from builders.tool import Tool, Visit, write_visit

FILM = Visit("A900", "P9", "20240101")


def test_an_export_that_had_files_before_is_told_until_it_is_back(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    assert tool.json("generate", export, "--dry-run")["files"] == 0 and "export.without_files" in tool.err
    write_visit(export, FILM)
    tool.json("generate", export, "--dry-run")
    shutil.rmtree(export / FILM.patient)
    (export / "NOT MOUNTED.txt").touch()
    for _ in range(2):
        assert tool.json("generate", export, "--dry-run", code=3)["failed"] == {"path.emptied": 1}
    assert tool.rows("SELECT code, path, attempts FROM failure") == [("path.emptied", str(export), 1)]
    write_visit(export, FILM)
    tool.json("generate", export, "--dry-run")
    assert tool.rows("SELECT count(*) FROM failure") == [0]


def test_where_files_are_expected_an_empty_export_is_refused_with_its_path(tool: Tool, tmp_path: Path) -> None:
    full, empty = tmp_path / "full", tmp_path / "empty"
    write_visit(full, FILM)
    empty.mkdir()
    assert tool("generate", full, empty, "--dry-run", "--expect-files", "--json") == 74
    assert json.loads(tool.out)["error"]["code"] == "export.empty" and str(empty) in tool.err
    assert tool.rows("SELECT count(*) FROM file") == [0]
    tool.json("generate", full, "--dry-run", "--expect-files")


def test_a_mount_that_goes_in_the_middle_of_a_run_costs_no_attempt(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = tmp_path / "export"
    for number in range(4):
        write_visit(export, Visit(f"A90{number}", f"P{number}", "20240101"))
    run = ["generate", str(export), "--without-retrieval", "--batch-size", "1"]
    with monkeypatch.context() as patch:
        before_call(patch, "cxrreport.store.drafts:save_drafts", 1, lambda: export.rename(tmp_path / "gone"))
        found = tool.json(*run, code=3)
    assert found["drafted"] == 2 and found["failed"] == {"pixels.unreadable": 2}
    assert tool.rows("SELECT count(*) FROM attempt") == [0]
    assert tool(*run) == 2 and "mounted" in tool.err
    (tmp_path / "gone").rename(export)
    assert tool.json(*run)["drafted"] == 2 and tool.rows("SELECT count(*) FROM failure") == [0]
