"""SIGTERM and Ctrl-C: the batch in hand is finished or rolled back, the exit code tells, the next run goes on."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from builders.process import Mishap, Process, wait_until
from builders.tool import Tool

PLAIN = "--without-retrieval"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_within_ten_seconds_and_it_can_be_resumed(
    tool: Tool, shared_export: Path, number: int, code: int
) -> None:
    slowly = Mishap("cxrreport.drafting.compose:Composer.compose", sleep_s=0.4)
    process = Process(tool.home, "generate", shared_export, PLAIN, "--batch-size", "1", "--json", mishap=slowly)
    wait_until(lambda: sum(tool.drafts().values()) >= 2)
    sent = time.monotonic()
    process.signal(number)
    assert process.wait(10) == code and time.monotonic() - sent < 10
    drafted = sum(tool.drafts().values())
    assert 2 <= drafted < 8
    assert tool.rows("SELECT exit_code FROM run") == [code]
    assert tool.rows("SELECT count(*) FROM attempt") == [0]  # no attempt is counted against a study
    assert f'"drafted": {drafted}' in process.printed
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 8 - drafted


@pytest.mark.parametrize(
    "function",
    [
        "cxrreport.store.newcomers:record_newcomers",
        "cxrreport.pipeline.scan:load_filed",
        "cxrreport.drafting.compose:Composer.compose",
    ],
)
def test_a_signal_in_any_stage_stops_the_run(tool: Tool, shared_export: Path, function: str) -> None:
    process = Process(tool.home, "generate", shared_export, PLAIN, mishap=Mishap(function, 1, signal.SIGTERM))
    assert process.wait() == 143
    assert tool.rows("SELECT count(*) FROM attempt") == [0] and tool.rows(
        "SELECT count(*) FROM image WHERE NOT usable"
    ) == [0]
    assert sum(tool.drafts().values()) in (0, 8)
    tool.json("generate", shared_export, PLAIN)
    assert sum(tool.drafts().values()) == 8


def test_a_second_signal_ends_at_once(tool: Tool, shared_export: Path) -> None:
    stuck = Mishap("cxrreport.pipeline.prepare:_load", sleep_s=30)
    process = Process(tool.home, "generate", shared_export, PLAIN, mishap=stuck)
    wait_until(lambda: tool.rows("SELECT count(*) FROM attempt") == [8])
    process.signal(signal.SIGTERM)
    time.sleep(0.2)
    process.signal(signal.SIGTERM)
    assert process.wait(5) == 143


def test_a_signal_during_the_build_publishes_no_half_an_index(tool: Tool, shared_reports: Path) -> None:
    embed = Mishap("cxrreport.store.passages:passages", 1, signal.SIGTERM)
    process = Process(tool.home, "index", shared_reports, "--json", mishap=embed)
    assert process.wait() == 143
    assert '"index": null' in process.printed and '"added": 11' in process.printed
    assert not (tool.home / "index" / "CURRENT").exists()
    assert tool.json("index")["indexed"] == 11
