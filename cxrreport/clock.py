"""What the stages of a run take: wall seconds, and processor seconds of the processes that were at work on them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

Spent = Mapping[str, tuple[float, float]]  # stage -> wall and processor seconds


class Clock:
    """Adds up by stage. Stages of several processes run at once, so that their wall seconds may add up to more than a run's."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, float]] = {}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Add what the block takes in this process."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - wall, time.process_time() - cpu)

    def add(self, stage: str, wall_s: float, cpu_s: float = 0.0) -> None:
        """Add what was measured elsewhere."""
        wall, cpu = self._spent.get(stage, (0.0, 0.0))
        self._spent[stage] = wall + wall_s, cpu + cpu_s

    def take(self) -> Spent:
        """What was added since the last time."""
        spent, self._spent = self._spent, {}
        return spent

    def include(self, spent: Spent) -> None:
        """Add what another clock has measured."""
        for stage, seconds in spent.items():
            self.add(stage, *seconds)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Stage -> `wall_s` and `cpu_s`, for JSON."""
        return {stage: {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)} for stage, (wall, cpu) in self._spent.items()}
