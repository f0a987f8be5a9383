"""What the scan makes of films that the tags do not call a chest, of nobody's studies and of what cannot be walked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from builders.tool import Tool, Visit, write_visit

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


def test_studies_of_nobody_are_never_paired(tool: Tool, tmp_path: Path) -> None:
    for number, day in enumerate(("20240101", "20240201")):
        write_visit(tmp_path / "export", Visit(f"A90{number}", "0000", day))
    found = tool.json("generate", tmp_path / "export", "--dry-run")
    assert (found["due"], found["paired"]) == (2, 0)
    assert tool.rows("SELECT count(*) FROM patient") == [2]


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
    assert tool.rows("SELECT code, path FROM failure") == [("path.unreadable", str(export / "closed"))]
    nameless.unlink()
    tool.json("generate", export, "--dry-run")
    assert tool.rows("SELECT count(*) FROM failure") == [0]
