"""An export that is empty tonight: told where it had files before, refused where files are expected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from builders.tool import Tool, Visit, write_visit

FILM = Visit("A900", "P9", "20240101")


def test_an_export_that_had_files_before_is_told_until_it_is_back(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    assert tool.json("generate", export, "--dry-run")["files"] == 0
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
