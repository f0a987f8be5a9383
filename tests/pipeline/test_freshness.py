"""The index is never stale without saying so, and never serves another database."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders.tool import Tool

from cxrreport.pipeline.freshness import _Held


def verified(tool: Tool) -> tuple[int, int]:
    found = tool.json("index", "--verify")
    return found["stale"], found["stale_films"]


def correct(tool: Tool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import a correction of A101 whose build fails."""
    (folder / "A101.txt").write_text("FINDINGS: Large pneumothorax.\n\nIMPRESSION: Large pneumothorax.\n")
    with monkeypatch.context() as broken:
        broken.setattr("cxrreport.retrieval.publish.publish", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        assert tool("index", folder / "A101.txt") == 74


def test_what_was_built_is_fresh_and_nothing_is_published_twice(tool: Tool, shared_reports: Path) -> None:
    first = tool.json("index", shared_reports)["index"]
    assert verified(tool) == (0, 0)
    assert tool.json("index", shared_reports)["index"] == first
    assert len(tool.json("index", "--list")) == 1


def test_digests_are_held_as_numbers_alone() -> None:
    count = 20_000
    tracemalloc.start()
    try:
        held = _Held.of((number, number << 30) for number in reversed(range(count)))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held.ids.tolist() == [*range(count)] and held.digests[-1] == (count - 1) << 30
    assert most < 5 * 16 * count  # with room to grow and to be put in order; as objects they take nine times as much


def test_what_cannot_fit_is_refused_before_a_report_is_embedded(
    tool: Tool, shared_reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
        full.setattr("cxrreport.model.drafter.Drafter.embed_texts", None)
        assert tool("index", shared_reports) == 74 and "The index needs at least" in tool.err
    assert tool.json("index")["indexed"] == 11


def test_a_correction_that_was_not_indexed_is_told(
    tool: Tool, shared_export: Path, shared_reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.json("index", shared_reports)
    correct(tool, tmp_path, monkeypatch)
    assert verified(tool) == (1, 0)
    assert tool.json("generate", shared_export)["drafted"] == 8 and "index.stale" in tool.err
    found = tool.json("index")
    assert (found["embedded"], verified(tool)) == (1, (0, 0))
    tool.json("generate", shared_export)
    assert "index.stale" not in tool.err


def test_images_that_were_catalogued_since_are_told(drafted: Tool, shared_export: Path) -> None:
    assert verified(drafted) == (0, 3)
    drafted.json("generate", shared_export, "--retriever", "fused")
    assert "index.stale_films" in drafted.err and "index.no_films" in drafted.err
    drafted.json("index")
    assert verified(drafted) == (0, 0)


def test_the_index_of_another_database_is_refused(
    tool: Tool, shared_export: Path, shared_reports: Path, tmp_path: Path
) -> None:
    """Both hold as many reports, under the same ids."""
    (tmp_path / "other").mkdir()
    for number in range(11):
        (tmp_path / "other" / f"Z{number}.txt").write_text(f"FINDINGS: Opacity of {number} cm.\n")
    tool.json("index", shared_reports)
    home, tool.home = tool.home, tmp_path / "home"
    assert tool.json("index", tmp_path / "other")["indexed"] == 11
    shutil.rmtree(tool.home / "index")
    shutil.copytree(home / "index", tool.home / "index")
    for command in (("index", "--verify"), ("generate", shared_export)):
        assert tool(*command) == 78 and "index.database" in tool.err
    assert tool.json("index")["embedded"] == 11
    assert tool.json("generate", shared_export)["drafted"] == 8


def test_a_deleted_report_is_out_of_the_next_version(tool: Tool, shared_export: Path, shared_reports: Path) -> None:
    tool.json("index", shared_reports)
    with tool.connection() as connection:
        connection.exec_driver_sql("DELETE FROM report WHERE accession = 'X3'")
    assert tool("generate", shared_export) == 78 and "index.database" in tool.err
    assert tool.json("index")["indexed"] == 10 and verified(tool) == (0, 0)
