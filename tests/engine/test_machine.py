"""Cores and memory that this process may use: what a container allows counts."""

from pathlib import Path

import pytest

from cxrreport.engine import machine


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine, "_GROUP", tmp_path)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(8)))
    return tmp_path


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), ("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1)])
def test_cores_are_those_of_the_affinity_or_fewer(group: Path, quota: str | None, cores: int) -> None:
    if quota:
        (group / "cpu.max").write_text(quota)
    assert machine.cores() == cores


def test_memory_is_what_the_group_leaves(group: Path) -> None:
    free = machine.available_mb()
    assert 0 < free < 1 << 30
    for name, value in (
        ("memory.max", 300 << 20),
        ("memory.current", 200 << 20),
        ("memory.stat", "inactive_file 52428800"),
    ):
        (group / name).write_text(f"{value}\n")
    assert machine.available_mb() == min(150, free)
    (group / "memory.max").write_text("max\n")
    assert machine.available_mb() > 150
