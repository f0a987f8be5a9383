"""Several processes that draft: the same drafts as one, none lost and none double whatever dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from builders.contents import contents
from builders.process import Mishap, Process, children_of, wait_until
from builders.tool import VISITS, Tool, log_put_back, new_home, set_environment

from cxrreport.drafting.wording_file import default_wording
from cxrreport.errors import ConfigurationError
from cxrreport.pipeline import drafters
from cxrreport.pipeline.chunks import Chunk, Outcome
from cxrreport.pipeline.drafters import choose_drafters
from cxrreport.pipeline.due import Versions
from cxrreport.pipeline.opening import Opened, Opening
from cxrreport.settings import Settings
from cxrreport.trust.policy import default_policy

TWO = ("--drafters", "2", "--batch-size", "1")  # three chunks
ALL = {visit.accession: 1 for visit in VISITS}


@dataclass(frozen=True, slots=True)
class Deadly(Opening):
    """The first of its processes dies of A102, and each dies of A202."""

    folder: str = ""

    def __call__(self) -> Any:
        return partial(self.draft, Opening.__call__(self))

    def draft(self, do: Callable[[Chunk], Outcome], chunk: Chunk) -> Outcome:
        for due in chunk.due:
            accession = due.pair.study.accession
            if accession == "A202" or (accession == "A102" and self._first()):
                os.kill(os.getpid(), signal.SIGKILL)
        return do(chunk)

    def _first(self) -> bool:
        with suppress(FileExistsError):
            Path(self.folder, "died").touch(exist_ok=False)
            return True
        return False


@pytest.fixture(scope="module")
def expected(
    tmp_path_factory: pytest.TempPathFactory,
    weights: Path,
    sqlite_template: bytes,
    shared_export: Path,
    shared_reports: Path,
) -> list[Any]:
    """What one process drafts."""
    tool = Tool(new_home(tmp_path_factory.mktemp("one"), sqlite_template))
    with pytest.MonkeyPatch.context() as patch, log_put_back():
        set_environment(patch, weights)
        tool.json("index", shared_reports)
        tool.json("generate", shared_export, "--batch-size", "1")
    return contents(tool)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_indexed(request: pytest.FixtureRequest, tool: Tool, shared_reports: Path) -> Tool:
    """The command line with reports, on SQLite, then on PostgreSQL."""
    if request.param == "postgresql":
        template = request.getfixturevalue("postgres_template")
        tool.db = request.getfixturevalue("new_postgres")(template)
    tool.json("index", shared_reports)
    return tool


def test_two_processes_make_the_same_drafts_as_one(any_indexed: Tool, shared_export: Path, expected: list[Any]) -> None:
    found = any_indexed.json("generate", shared_export, *TWO)
    assert (found["drafted"], found["paired"], found["failed"], found["left"]) == (8, 3, {}, 0)
    assert any_indexed.drafts() == ALL and contents(any_indexed) == expected
    [*_, run] = sorted(any_indexed.json("runs"), key=itemgetter("id"))
    drafting, stages = run["counts"]["drafting"], run["counts"]["stages"]
    assert drafting["drafters"] == 2 and 0 < drafting["busy"] <= 1
    assert {"scan", "views", "due", "claim", "read", "register", "encode", "retrieve", "draft", "store"} <= set(stages)
    assert all(stages[stage]["cpu_s"] > 0 for stage in ("read", "register", "encode", "draft", "store"))


def test_a_lost_process_costs_nothing_and_a_study_that_kills_each_itself_alone(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first process dies of A102; each dies of A202, which comes alone at last."""
    monkeypatch.setattr("cxrreport.pipeline.generate.Opening", partial(Deadly, folder=str(tmp_path)))
    found = tool.json("generate", shared_export, "--without-retrieval", *TWO, code=3)
    assert (found["drafted"], found["failed"], found["left"]) == (7, {"drafter.lost": 1}, 0)
    assert (tmp_path / "died").exists() and tool.drafts() == {one: 1 for one in ALL if one != "A202"}
    failed = "SELECT accession, attempts, code FROM failure JOIN study ON study.id = study_id"
    assert tool.rows(failed) == [("A202", 1, "drafter.lost")]
    assert tool.rows("SELECT count FROM attempt") == [1]


def test_a_process_that_opens_something_else_than_the_run_refuses(tool: Tool) -> None:
    expected = Opened(Versions("another", ""), default_wording().digest)
    opening = Opening(Settings(home=tool.home), expected, {}, default_policy().abstain.limits)
    with pytest.raises(ConfigurationError) as met:
        opening()
    assert met.value.code == "drafter.differs"


def test_a_signal_lets_the_chunks_in_hand_be_finished(tool: Tool, shared_export: Path) -> None:
    mishap = Mishap("cxrreport.store.drafts:save_drafts", 1, signal.SIGTERM)
    run = Process(tool.home, "generate", shared_export, "--without-retrieval", *TWO, mishap=mishap)
    assert run.wait(300) == 143
    drafted = sum(tool.drafts().values())
    assert 0 < drafted <= 8 and tool.rows("SELECT count(*) FROM attempt") == [0]
    assert tool.json("generate", shared_export, "--without-retrieval")["drafted"] == 8 - drafted


def test_a_signal_to_all_processes_of_a_run_costs_no_attempt(tool: Tool, shared_export: Path) -> None:
    """As a service manager sends it."""
    run = Process(tool.home, "generate", shared_export, "--without-retrieval", *TWO, "--workers", "2")
    wait_until(lambda: tool.rows("SELECT count(*) FROM attempt") != [0], 300)
    for pid in (run.pid, *children_of(run.pid)):
        os.kill(pid, signal.SIGTERM)
    assert run.wait(300) == 143
    assert tool.rows("SELECT count(*) FROM attempt") == tool.rows("SELECT count(*) FROM failure") == [0]


# -- how many ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "due", "processes", "workers"),
    [
        ({}, 39, 0, 2),  # starting a process costs more than it gains
        ({}, 40, 2, 1),
        ({}, 10_000, 4, 1),
        ({"workers": 10}, 10_000, 4, 3),
        ({"drafters": 1}, 10_000, 0, 2),
        ({"drafters": 6, "workers": 0}, 1, 6, 0),
    ],
)
def test_a_core_has_one_process_as_far_as_studies_go(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, int], due: int, processes: int, workers: int
) -> None:
    monkeypatch.setattr(drafters, "cores", lambda: 4)
    monkeypatch.setattr(drafters, "available_mb", lambda: 64_000)
    found = choose_drafters(Settings(device="cpu", **given), due)
    assert (len(found.environments), found.workers, found.device) == (processes, workers, "cpu")


def test_memory_bounds_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafters, "cores", lambda: 64)
    monkeypatch.setattr(drafters, "available_mb", lambda: 4_000)
    assert len(choose_drafters(Settings(device="cpu"), 10_000).environments) == 3


@pytest.mark.parametrize(
    ("seen", "expected"), [(None, ["0", "1"]), ("5,7", ["5", "7"]), ("GPU-a,GPU-b", ["GPU-a", "GPU-b"])]
)
def test_each_gpu_has_a_process_that_sees_it_alone(
    monkeypatch: pytest.MonkeyPatch, seen: str | None, expected: list[str]
) -> None:
    monkeypatch.setattr(drafters, "resolve_device", str)  # there is none here
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    found = choose_drafters(Settings(device="cuda:0,cuda:1"), 100)
    assert [one["CUDA_VISIBLE_DEVICES"] for one in found.environments] == expected
    assert (found.device, found.workers) == ("cuda:0", 2)
