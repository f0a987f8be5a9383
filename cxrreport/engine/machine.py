"""What this process may use of the machine: as a container, a batch system or `taskset` leaves it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores, at least 1: those of the affinity, or fewer where the control group allows less time."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (_GROUP / "cpu.max").read_text().split()
        free = min(free, int(quota) // int(period))  # "max" is no number
    return max(1, free)


def available_mb() -> int:
    """Memory in MiB that is free or can be freed at once; of the control group, where that is less."""
    free = _meminfo("MemAvailable") >> 10
    with suppress(OSError, ValueError):
        most, used = (int((_GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, (most - used + _group_cache()) >> 20)
    return max(0, free)


def _meminfo(name: str) -> int:
    """KiB; where nobody says, more than any machine has."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 1 << 40


def _group_cache() -> int:
    """Bytes of files that the group holds in memory and gives back when asked."""
    with suppress(OSError, ValueError):
        for line in (_GROUP / "memory.stat").read_text().splitlines():
            if line.startswith("inactive_file "):
                return int(line.split()[1])
    return 0
