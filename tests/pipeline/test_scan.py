"""What the scan makes of films that the tags do not call a chest, of nobody's studies and of what cannot be walked."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.tool import Tool, Visit, write_visit

from cxrreport.imaging import seen

FILM = Visit("A900", "P9", "20240101")


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({}, "pa"),
        ({"BodyPartExamined": None, "StudyDescription": "Thorax"}, "pa"),
        ({"BodyPartExamined": None}, None),
        ({"BodyPartExamined": "SHOULDER", "StudyDescription": "CHEST 2 VIEWS"}, None),
        ({"BodyPartExamined": None, "ViewPosition": "LL", "SeriesDescription": "LL"}, None),
        ({"BodyPartExamined": None, "ViewPosition": None, "SeriesDescription": "Lordotic"}, "other"),
    ],
)
def test_a_view_is_believed_only_of_what_the_tags_call_a_chest(
    tool: Tool, tmp_path: Path, tags: dict[str, str | None], view: str | None
) -> None:
    write_visit(tmp_path / "export", FILM, **tags)
    found = tool.json("generate", tmp_path / "export", "--dry-run")
    assert tool.rows("SELECT view, usable FROM image") == [(view, 1)]
    assert found["unknown_view"] == (view is None)


@pytest.mark.parametrize("silent", [True, False])
def test_a_page_of_text_is_not_drafted_whatever_its_tags_say(tool: Tool, tmp_path: Path, silent: bool) -> None:
    paper = np.full((160, 136), 4000, np.uint16)
    paper[20:140:10, 20:110:3] = 0
    write_visit(tmp_path, dataclasses.replace(FILM, silent=silent), PixelData=paper.tobytes())
    found = tool.json("generate", tmp_path, "--without-retrieval")
    assert (found["drafted"], found["failed"], found["skipped"]["view.other"]) == (0, {}, 1)
    assert tool.json("generate", tmp_path, "--without-retrieval")["skipped"] == {"scope.not_chest": 1}
    assert tool.rows("SELECT origin, reason FROM image") == [("original", "view.other")]


def test_studies_of_nobody_are_never_paired(tool: Tool, tmp_path: Path) -> None:
    for number, day in enumerate(("20240101", "20240201")):
        write_visit(tmp_path / "export", Visit(f"A90{number}", "0000", day))
    found = tool.json("generate", tmp_path / "export", "--dry-run")
    assert (found["due"], found["paired"]) == (2, 0)
    assert tool.rows("SELECT count(*) FROM patient") == [2]


def test_a_file_that_grows_while_it_is_read_waits_for_the_next_run(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = write_visit(tmp_path / "export", FILM)
    read = seen.read_ordinary

    def grow(*arguments: Any) -> Any:
        found = read(*arguments)
        path.write_bytes(path.read_bytes() + bytes(2))
        return found

    with monkeypatch.context() as copying:
        copying.setattr(seen, "read_ordinary", grow)
        found = tool.json("generate", tmp_path / "export", "--dry-run")
    assert (found["skipped"], found["due"]) == ({"growing": 1}, 0) and tool.rows("SELECT count(*) FROM file") == [0]
    assert tool.json("generate", tmp_path / "export", "--dry-run")["due"] == 1


def test_what_cannot_be_walked_has_failed_until_it_is_mended(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = tmp_path / "export"
    write_visit(export, FILM)
    (export / "closed").mkdir()
    nameless = export / os.fsdecode(b"\xff.dcm")
    nameless.write_bytes(b"x")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "no")
        return scandir(path)

    with monkeypatch.context() as locked:
        locked.setattr(os, "scandir", refuse)
        found = tool.json("generate", export, "--dry-run", code=3)
    assert found["failed"] == {"path.name": 1, "path.unreadable": 1} and found["images"] == 1
    assert str(export) not in tool.err and "closed" not in tool.err
    listed = {("path.unreadable", str(export / "closed")), ("path.name", str(export / r"\xff.dcm"))}
    assert set(tool.rows("SELECT code, path FROM failure")) == listed
    nameless.unlink()
    tool.json("generate", export, "--dry-run")
    assert tool.rows("SELECT count(*) FROM failure") == [0]
