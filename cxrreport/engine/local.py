"""Run a function over items in child processes that can be lost without losing the run.

Decoders are C code fed by strangers: a crash, an endless loop or a huge allocation costs one item, never the batch.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from functools import partial
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from cxrreport.clock import Clock
from cxrreport.codes import CODES
from cxrreport.engine.child import settle
from cxrreport.errors import HeaderError, InputError, PixelError, ReportError

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOST: dict[type[InputError], tuple[str, str, str]] = {  # codes of what takes too much memory, too long, or the process
    PixelError: ("pixels.memory", "pixels.timeout", "pixels.crash"),
    ReportError: ("report.memory", "report.timeout", "report.crash"),
    HeaderError: ("header.memory", "header.timeout", "header.crash"),
}


class LocalEngine:
    """A pool of child processes on this machine; use as a context manager.

    Parameters
    ----------
    workers : number of processes; 0 runs everything in this process, without time or memory limits.
    timeout_s : longest time for one item.
    memory_mb : largest address space of one child, in MiB.
    """

    def __init__(self, workers: int, timeout_s: float, memory_mb: int) -> None:
        self._workers = workers
        self._timeout_s = timeout_s
        self._memory_mb = memory_mb
        self._pool: Any = None

    def __enter__(self) -> LocalEngine:
        """Set the pool up; children start with the first item."""
        if self._workers > 0:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(self._workers, 0, confine, (self._memory_mb,), spawn)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children; what they have in hand is dropped."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        clock: Clock | None = None,
        stage: str = "",
    ) -> Iterator[tuple[Item, Result | InputError]]:
        """Yield each item with its result, or with the error that cost it, in order.

        At most twice as many items as workers are in flight, so `items` is consumed no faster than results are taken.
        `function` and items must be picklable. Codes: `pixels.crash`, `pixels.timeout`, `pixels.memory`, or whatever
        InputError the function raised. A `clock` is told what the results took as `stage`, and how long this process has
        waited for them as "wait".
        """
        clock = clock or Clock()
        call = partial(_timed, function)
        if self._workers <= 0:
            for item in items:
                yield item, _result_or_error(partial(call, item), clock, stage)
            return
        in_flight: deque[tuple[Item, Any]] = deque()
        try:
            for item in items:
                in_flight.append((item, self._pool.schedule(call, args=(item,), timeout=self._timeout_s)))
                if len(in_flight) >= 2 * self._workers:
                    yield self._first(in_flight, clock, stage)
            while in_flight:
                yield self._first(in_flight, clock, stage)
        finally:
            for _, future in in_flight:
                future.cancel()

    def _first(self, in_flight: deque[tuple[Item, Any]], clock: Clock, stage: str) -> tuple[Item, Any]:
        """Wait for the first item in flight."""
        item, future = in_flight.popleft()
        with clock.time("wait"):
            wait([future])
        return item, _result_or_error(future.result, clock, stage)

    def rest(self) -> None:
        """Stop the children; others start with the next item."""
        self.__exit__()
        self.__enter__()


def _timed(function: Callable[[Item], Result], item: Item) -> tuple[Result, float, float]:
    """A result, and the wall and processor seconds that it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    return function(item), time.perf_counter() - wall, time.process_time() - cpu


def _result_or_error(timed: Callable[[], tuple[Result, float, float]], clock: Clock, stage: str) -> Result | InputError:
    """Turn what one item can do into a value; a cancelled or interrupted run still ends."""
    try:
        result, *spent = timed()
    except Exception as error:  # one film never stops a run
        return as_error(error, PixelError)
    clock.add(stage, *spent)
    return result


def as_error(error: Exception, lost: type[InputError]) -> InputError:
    """What has cost an item, as an error of class `lost`.

    The text of an exception may quote values, its type does not.
    """
    if isinstance(error, InputError):
        return error
    memory, timeout, crash = _LOST[lost]
    if isinstance(error, (ProcessExpired, EOFError, MemoryError, TimeoutError)):
        code = memory if isinstance(error, MemoryError) else timeout if isinstance(error, TimeoutError) else crash
        return lost(CODES[code].sentence, code)
    return lost(f"Reading failed ({type(error).__name__}).", crash)


def confine(memory_mb: int) -> None:
    """Settle a child that reads what strangers wrote, and limit its memory."""
    settle()
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
