"""Work spread over processes: everything comes back once, losses cost their item, no orphan stays."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from builders.data import ROOT
from builders.process import is_alive, wait_until

from cxrreport.engine.child import asked_to_stop
from cxrreport.engine.processes import Processes
from cxrreport.engine.spread import Spread
from cxrreport.errors import HeaderError, StorageError, UnavailableError, WeightsError

ONE: list[dict[str, str]] = [{}]


def make(folder: str = ""):
    if folder:
        Path(folder, str(os.getpid())).touch()
    return work


def work(item):
    match item:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "stop":
            os.kill(os.getpid(), signal.SIGTERM)
            return "stopped"
        case ("long", _, folder):
            Path(folder, str(os.getpid())).touch()
            end = time.monotonic() + 60
            while not asked_to_stop() and time.monotonic() < end:
                time.sleep(0.02)
            return asked_to_stop()
        case "fault":
            raise HeaderError("No good.", code="header.incomplete")
        case "defect":
            raise ValueError("Poe^Jane")
        case "disk":
            raise StorageError("The disk is full.")
        case "where":
            return os.getpid(), os.environ["OMP_NUM_THREADS"], os.environ.get("MINE")
    return item * item


def refuse():
    raise WeightsError("The weights are damaged.", "weights.sha256")


def told(pairs):
    return {item: result.code if isinstance(result, Exception) else result for item, result in pairs}


@pytest.mark.parametrize("environments", [[], ONE, [{}, {}]])
def test_each_item_comes_back_once_with_its_result_or_its_error(environments, tmp_path):
    with Processes(environments) as engine:
        spread: Spread = engine
        found = list(spread.spread(partial(make, str(tmp_path)), [*range(9), "fault", "defect"]))
    assert len(found) == 11
    assert told(found) == {n: n * n for n in range(9)} | {"fault": "header.incomplete", "defect": "drafter.defect"}
    assert "Poe" not in repr(found)
    assert len(list(tmp_path.iterdir())) == max(1, len(environments))  # made once in each


def test_a_lost_worker_costs_its_item_and_starts_anew(tmp_path):
    with Processes(ONE) as engine:
        found = list(engine.spread(partial(make, str(tmp_path)), [1, "crash", 2, 3]))
    assert told(found) == {1: 1, "crash": "drafter.lost", 2: 4, 3: 9}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("environments", [[], ONE])
@pytest.mark.parametrize(("how", "item", "error"), [(make, "disk", StorageError), (refuse, 1, WeightsError)])
def test_what_is_no_fault_of_the_item_ends_the_work(environments, how, item, error):
    with Processes(environments) as engine, pytest.raises(error):
        list(engine.spread(how, [item]))


def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_in_hand():
    with Processes(ONE) as engine:
        results = engine.spread(make, ["stop"])
        assert next(results) == ("stop", "stopped")
        (process,) = multiprocessing.active_children()
        process.join(10)
        assert process.exitcode == 0


def test_once_the_work_is_cancelled_each_worker_is_asked_to_stop_soon(tmp_path):
    with Processes([{}, {}], cancelled=lambda: len(list(tmp_path.iterdir())) == 2) as engine:
        found = list(engine.spread(make, [("long", n, str(tmp_path)) for n in range(2)]))
    assert [result for _, result in found] == [True, True]


def test_workers_that_die_of_being_asked_to_stop_are_no_fault():
    with Processes([{}] * 5, cancelled=lambda: True) as engine:
        assert told(engine.spread(make, ["crash"] * 5)) == {"crash": "drafter.lost"}


def test_workers_that_die_one_after_another_end_the_work():
    with Processes(ONE) as engine, pytest.raises(UnavailableError) as met:
        list(engine.spread(make, ["crash"] * 6))
    assert met.value.code == "drafter.dies"


@pytest.mark.parametrize(("ahead", "pulled"), [(True, [1, 2]), (False, [1])])
def test_items_are_pulled_as_they_are_needed(ahead, pulled):
    asked = []
    with Processes(ONE, ahead=ahead) as engine:
        found = engine.spread(make, (asked.append(n) or n for n in (1, 2, 3)))
        next(found)
        assert asked == pulled
        assert told(found) == {2: 4, 3: 9}


def test_a_worker_computes_with_one_thread_unless_told_and_has_its_environment(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with Processes([{"MINE": "7"}]) as engine:
        [(_, (pid, threads, mine))] = engine.spread(make, ["where"])
    assert (threads, mine) == ("1", "7") and pid != os.getpid()
    with Processes([{"OMP_NUM_THREADS": "3"}]) as engine:
        [(_, (_, threads, _))] = engine.spread(make, ["where"])
    assert threads == "3"


def test_no_worker_outlives_a_parent_that_is_killed():
    script = (
        f"import sys, {__name__} as t\n"
        "from cxrreport.engine.processes import Processes\n"
        "engine = Processes([{}])\n"
        "[(_, (pid, *_))] = engine.spread(t.make, ['where'])\n"
        "print(pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    pipe = subprocess.PIPE
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, env={**os.environ, **path})
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert is_alive(worker)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_alive(worker), 10)
