"""Drafting on a cluster: the same drafts as on one machine, none lost and none double whatever dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders.cluster import Cluster, running
from builders.contents import contents
from builders.process import before_call
from builders.tool import VISITS, Tool

from cxrreport.errors import ConfigurationError
from cxrreport.pipeline import cluster as joining
from cxrreport.settings import Settings

ON_RAY = ("--engine", "ray", "--drafters", "2", "--batch-size", "1")  # three chunks
STORED = "cxrreport.store.drafts:save_drafts"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running(2) as found:
        yield found


@pytest.fixture
def new_database(new_postgres: Callable[..., str], postgres_template: str) -> Callable[[], str]:
    """Return a function that makes an empty PostgreSQL and gives its URL."""
    return partial(new_postgres, postgres_template)


@pytest.fixture
def joined(
    cluster: Cluster,
    tool: Tool,
    shared_reports: Path,
    new_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Tool:
    """The command line with reports on a PostgreSQL, and with the cluster."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    tool.db = new_database()
    tool.json("index", shared_reports)
    return tool


def test_several_machines_share_no_file_of_sqlite(joined: Tool, shared_export: Path) -> None:
    joined.db = None
    assert joined("generate", shared_export, "--without-retrieval", *ON_RAY) == 78
    assert "cannot share a file of SQLite" in joined.err


def test_a_signal_lets_the_chunks_in_hand_be_finished(
    joined: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_call(monkeypatch, STORED, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert joined("generate", shared_export, "--without-retrieval", *ON_RAY) == 143
    drafted = sum(joined.drafts().values())
    assert 0 < drafted <= 8 and joined.rows("SELECT count(*) FROM attempt") == [0]
    assert joined.json("generate", shared_export, "--without-retrieval")["drafted"] == 8 - drafted


@pytest.fixture
def expected(joined: Tool, new_database: Callable[[], str], shared_reports: Path, shared_export: Path) -> list[Any]:
    """What this machine drafts by itself."""
    alone = Tool(joined.home, new_database())
    alone.json("index", shared_reports)
    alone.json("generate", shared_export, "--batch-size", "1")
    return contents(alone)


def test_a_machine_that_vanishes_costs_nothing(
    joined: Tool, cluster: Cluster, shared_export: Path, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before_call(monkeypatch, STORED, 1, lambda: cluster.lose(1))
    found = joined.json("generate", shared_export, *ON_RAY)  # stdout holds the one document
    assert (found["drafted"], found["paired"], found["failed"], found["left"]) == (8, 3, {}, 0)
    assert joined.drafts() == {visit.accession: 1 for visit in VISITS} and contents(joined) == expected
    [run] = [run for run in joined.json("runs") if "drafted" in run["counts"]]
    assert run["counts"]["drafting"]["drafters"] == 2 and 0 < run["counts"]["drafting"]["busy"] <= 1


# -- who drafts where -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "gpus", "due", "expected"),
    [
        ({}, False, 10_000, (8, "cpu", 1)),  # 16 cores, each with a child that reads
        ({"workers": 0}, False, 10_000, (16, "cpu", 0)),
        ({}, False, 39, (1, "cpu", 1)),  # starting a process costs more than it gains
        ({"drafters": 40}, False, 1, (40, "cpu", 1)),
        ({"workers": 3}, True, 10_000, (4, "cuda:0", 3)),
        ({"device": "cpu"}, True, 10_000, (8, "cpu", 1)),
    ],
)
def test_as_many_draft_as_there_is_room(
    given: dict[str, Any], gpus: bool, due: int, expected: tuple[int, str, int]
) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'cxrreport[ray]'")
    found = SimpleNamespace(has_gpus=gpus, room=lambda needs: 4 if needs.gpus else 16 // needs.cpus)
    run = SimpleNamespace(settings=Settings(**{"device": "auto", "workers": 2, **given}), cancelled=False)
    chosen = joining.choose(run, due, found)  # type: ignore[arg-type]
    assert (chosen.count, chosen.device, chosen.workers) == expected


def test_without_ray_a_sentence_says_how_to_install_it(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cxrreport.engine.ray", None)
    with pytest.raises(ConfigurationError) as met, joining.join(SimpleNamespace(settings=Settings(engine="ray"))):  # type: ignore[arg-type]
        pass
    assert met.value.code == "cluster.extra"
