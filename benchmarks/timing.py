"""Seconds that work takes: of the processor here and in children, or of the clock on a GPU."""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")


@dataclass
class Spent:
    """Processor seconds, known once what takes them has ended."""

    seconds: float = 0.0


@contextmanager
def children() -> Iterator[Spent]:
    """What the children take that are started in this block and have ended with it, theirs included."""
    spent, before = Spent(), _children_seconds()
    yield spent
    spent.seconds = _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(run: Callable[[], Result]) -> tuple[Result, float]:
    """What a call returns, and the processor seconds of this process that it takes."""
    began = time.process_time()
    found = run()
    return found, time.process_time() - began


def in_turn(ways: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median processor seconds of each of the ways, which take turns."""
    taken = [[timed(way)[1] for way in ways] for _ in range(rounds)]
    return [median(times) for times in zip(*taken, strict=True)]


def device_seconds(run: Callable[[], object], device: "torch.device") -> float:
    """Seconds of one call: of the processor on a CPU, of the clock on a GPU, from idle to idle."""
    if device.type == "cpu":
        return timed(run)[1]
    from torch.cuda import synchronize  # most benchmarks load no torch

    synchronize(device)
    began = time.perf_counter()
    run()
    synchronize(device)
    return time.perf_counter() - began
