"""`--max-minutes`: a run whose time is over ends well and says what it leaves to the next."""

from __future__ import annotations

import itertools

import pytest
from builders.tool import Tool

from cxrreport.pipeline import scan
from cxrreport.pipeline.run import Run


def test_a_run_that_is_late_begins_nothing_and_tells_what_is_left(drafted: Tool) -> None:
    found = drafted.json("generate", "--study", "A102", "--redo", "--max-minutes", "0.00001")
    assert (found["due"], found["left"], found["drafted"], found["failed"]) == (1, 1, 0, {})


def test_a_scan_that_is_late_is_told_and_links_what_it_has(
    tool: Tool, shared_export: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked: list[object] = []
    monkeypatch.setattr(scan, "link_reports", linked.append)
    found = tool.json("generate", shared_export, "--without-retrieval", "--max-minutes", "0.00001")
    assert (found["scan_cut"], found["images"], found["due"], len(linked)) == (1, 0, 0, 1) and "scan.late" in tool.err
    assert tool.json("generate", shared_export, "--without-retrieval", "--limit", "1")["scan_cut"] == 0


def test_what_is_in_hand_is_finished(
    drafted: Tool, shared_export: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = itertools.count()
    monkeypatch.setattr(
        Run, "stops", property(lambda _: next(asked) >= 2)
    )  # asked once in the scan, then for each chunk
    monkeypatch.setattr(Run, "late", True)
    found = drafted.json("generate", str(shared_export), "--redo", "--batch-size", "2", "--workers", "0")
    assert found["due"] == 8 and found["drafted"] == 5 and found["left"] == 3
    assert "run.late" in drafted.err
