"""A dry run catalogues; what the next run tells is as if there had been none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from builders.tool import Tool, Visit, write_visit


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A film twice, one of another modality, one that is cut short, one that is another of the same UID, and a text."""
    export = tmp_path / "export"
    (film,) = write_visit(export, Visit("A701", "P71", "20240105"))
    shutil.copy2(film, film.with_name("copy.dcm"))
    write_visit(export, Visit("A702", "P72", "20240105"), Modality="CT")
    (cut,) = write_visit(export, Visit("A703", "P73", "20240105"))
    cut.write_bytes(cut.read_bytes()[:400])
    write_visit(export, Visit("A704", "P74", "20240105"), SOPInstanceUID="1.2.9.701.701")
    (export / "P71" / "noise.dcm").write_bytes(b"no DICOM at all")
    return export


def tells(tool: Tool, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """What a run tells but its id and its seconds."""
    found = tool.json("generate", *arguments, code=code)
    return {name: value for name, value in found.items() if name not in ("run", "seconds")}


def test_the_next_run_tells_what_it_would_without_a_dry_run(tool: Tool, odd: Path, tmp_path: Path) -> None:
    without = Tool(Path(shutil.copytree(tool.home, tmp_path / "without")))
    first = tells(without, odd, "--without-retrieval", code=3)
    assert sum(first["failed"].values()) == 2 and first["images"] == 1 and first["skipped"]
    dry = tells(tool, odd, "--dry-run", code=3)
    assert dry["dry_run"] == 1 and dry["failed"] == first["failed"]
    again = tells(tool, odd, "--dry-run")  # that one opens nothing again
    assert (again["failed"], again["files_unchanged"], again["due"]) == ({}, 6, 1)
    assert tells(tool, odd, "--without-retrieval", code=3) == first
    assert tool.rows("SELECT DISTINCT run_id, attempts FROM failure WHERE path IS NOT NULL") == [(3, 1)]
    later = tells(tool, odd, "--without-retrieval")
    assert (later["failed"], later["skipped"], later["files_unchanged"]) == ({}, again["skipped"], 6)
