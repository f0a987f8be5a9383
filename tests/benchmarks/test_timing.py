"""What the benchmarks take for the time of a call, of children and of a device."""

import subprocess
import sys
import time

import pytest
import torch

from benchmarks import timing

BUSY = "import time\nwhile time.process_time() < 0.2: pass"


def test_children_are_counted_and_this_process_is_not():
    with timing.children() as busy:
        subprocess.run(
            [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"]
        )
    with timing.children() as idle:
        timing.timed(lambda: sum(range(1_000_000)))
    assert busy.seconds >= 0.2 and idle.seconds == 0


def test_ways_take_turns_and_give_their_median(monkeypatch):
    clock, turns, steps = [0.0], [], iter([1, 10, 5, 20, 2, 90])

    def way(name):
        turns.append(name)
        clock[0] += next(steps)

    monkeypatch.setattr(timing.time, "process_time", lambda: clock[0])
    assert timing.in_turn([lambda: way("a"), lambda: way("b")], 3) == [2, 20] and "".join(turns) == "ababab"


@pytest.mark.parametrize(("device", "seconds"), [("cpu", 2.0), ("cuda:0", 7.0)])
def test_a_gpu_is_timed_by_the_clock_from_idle_to_idle(monkeypatch, device, seconds):
    now = {"processor": 0.0, "clock": 0.0}

    def run():
        now["processor"] += 2
        now["clock"] += 3

    def finish(device):
        assert str(device) == "cuda:0"
        now["clock"] += 4

    monkeypatch.setattr(time, "process_time", lambda: now["processor"])
    monkeypatch.setattr(time, "perf_counter", lambda: now["clock"])
    monkeypatch.setattr(torch.cuda, "synchronize", finish)
    assert timing.device_seconds(run, torch.device(device)) == seconds
