"""Steps of several processes beside one: the table, of a tiny network; the processes are forked, not started anew."""

import json
import os
from functools import partial

import pytest
from builders.network import VOCABULARY
from builders.ranks import run_ranks

import cxrreport.training.start as start_module
from benchmarks import devices

TINY = ["--size", "tiny", "--studies", "4", "--rounds", "1"]


def test_the_table_has_a_line_a_stage(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(start_module, "load_vocabulary", lambda: VOCABULARY)

    def work():
        (tmp_path / f"{os.environ['RANK']}-{os.environ['WORLD_SIZE']}").write_text(
            json.dumps(devices.measure(devices.parse(TINY)))
        )

    def launch(processes, arguments):
        assert arguments == TINY and run_ranks(processes, work) == [0] * processes
        return json.loads((tmp_path / f"0-{processes}").read_text())

    monkeypatch.setattr(devices, "launch", launch)
    devices.main(TINY)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("tiny, 4 studies a step")
    assert [line[:13].strip() for line in lines[2:]] == list(devices.STAGES)
    assert all(float(number) > 0 for line in lines[2:] for number in line[13:].split())


def test_ratios_are_those_of_the_rounds():
    found = partial(dict, cpu=1.0)
    rounds = [
        ({"x": found(seconds=one)}, {"x": found(seconds=several, cpu=1.2)}) for one, several in ((4, 2), (9, 3), (2, 2))
    ]
    assert devices.compare(rounds, "x") == pytest.approx((1 / 4, 1 / 2, 2, 1.2))
