"""Run a generator over items in child processes that can be lost: what it yields comes back piece by piece.

A file of a hospital holds one report or a hundred thousand, so no limit on a whole file is right: a child is given up
when it has been silent for too long, or takes too much memory, and it costs the rest of that one item. Items go to the
children in batches, for small files are many; no more lies between the processes than a pipe holds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from cxrreport.engine.local import as_error, confine
from cxrreport.engine.pipes import PipedChild
from cxrreport.errors import InputError, ReportError

Item = TypeVar("Item")
Result = TypeVar("Result")
Job = Callable[[Item], Iterator[Result | None]]

_ITEMS, _SIGNS = 25, 8192  # of a batch: two of them fit into a pipe (64 kB), so that giving one never waits
_PATIENCE_S = 0.5  # between two looks at whether the run is cancelled
_START_S = 120.0  # until a child has loaded what it needs, on a machine that is busy


class StreamEngine:
    """Child processes on this machine; use as a context manager.

    Parameters
    ----------
    workers : number of processes; 0 runs everything in this process, without time or memory limits.
    timeout_s : longest silence of a child that is waited for.
    memory_mb : largest address space of one child, in MiB.
    lost : class of the error for an item that is lost; the codes are of its family (`report.timeout`, …).
    cancelled : once it is true no child is waited for any longer: whoever waits must stop.
    """

    def __init__(
        self,
        workers: int,
        timeout_s: float,
        memory_mb: int,
        lost: type[InputError] = ReportError,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._lost = lost
        self._children: list[_Child[Any]] = [_Child(timeout_s, memory_mb, lost, cancelled) for _ in range(workers)]

    def __enter__(self) -> StreamEngine:
        """Children start when they are needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children; what they have in hand is dropped."""
        for child in self._children:
            child.stop()

    def stream(self, job: Job[Item, Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result | InputError]]:
        """Yield each item with each of its results, in order; an item that is lost ends with the error that cost it.

        `job`, items and results must be picklable. A None among the results is a sign of life and goes no further.
        Codes: `*.timeout`, `*.memory`, `*.crash`, or whatever InputError the job raised.
        """
        if not self._children:
            for item in items:
                yield from ((item, result) for result, _ in _results(job, item, self._lost) if result is not None)
            return
        turns: deque[tuple[_Child[Item], int]] = deque()
        try:
            for number, batch in enumerate(_batches(items)):
                child = self._children[number % len(self._children)]
                child.give(job, batch)
                turns.append((child, len(batch)))
                if len(turns) >= 2 * len(self._children):
                    yield from _take(*turns.popleft())
            while turns:
                yield from _take(*turns.popleft())
        except GeneratorExit:
            self.__exit__()  # nobody takes what they have in hand any more
            raise


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    signs = 0
    for item in items:
        batch.append(item)
        signs += len(repr(item))
        if len(batch) >= _ITEMS or signs >= _SIGNS:
            yield batch
            batch, signs = [], 0
    if batch:
        yield batch


def _take(child: _Child[Item], count: int) -> Iterator[tuple[Item, Any]]:
    for _ in range(count):
        yield from child.take()


class _Child(Generic[Item]):
    """One process, started when it is needed and again after each loss, with the items that it has in hand, in order."""

    def __init__(self, timeout_s: float, memory_mb: int, lost: type[InputError], cancelled: Callable[[], bool]) -> None:
        self._timeout_s, self._memory_mb, self._lost, self._cancelled = timeout_s, memory_mb, lost, cancelled
        self._hand: deque[Item] = deque()
        self._process: PipedChild | None = None
        self._starting = False

    def give(self, job: Job[Item, Any], items: list[Item]) -> None:
        """Hand over items; never waits."""
        if self._process is None:
            self._process = PipedChild(_serve, (self._memory_mb, self._lost), daemon=True)
            self._starting = True
        self._job = job
        self._hand.extend(items)
        self._process.send((job, items))

    def take(self) -> Iterator[tuple[Item, Any]]:
        """Yield the results of the item that is first in hand; start another process for the rest if it is lost."""
        item, ended = self._hand.popleft(), False
        while not ended:
            try:
                result, ended = self._answer()
            except (EOFError, OSError) as error:
                result, ended = as_error(error, self._lost), True
                rest = list(self._hand)
                self.stop()
                if rest:
                    self.give(self._job, rest)
            if result is not None:
                yield item, result

    def stop(self) -> None:
        """End the process, whatever it does, and drop what it has in hand."""
        self._hand.clear()
        if self._process is not None:
            self._process.end()
            self._process = None

    def _answer(self) -> tuple[Any, bool]:
        """What the process says next, and whether that ends the item."""
        if self._starting:
            self._heard(_START_S)
            self._starting = False
        answer: tuple[Any, bool] = self._heard(self._timeout_s)
        return answer

    def _heard(self, seconds: float) -> Any:
        """The next message; TimeoutError where there is none for so long, or nobody waits any more."""
        assert self._process is not None  # it has something in hand
        answers, end = self._process.answers, time.monotonic() + seconds
        while not answers.poll(min(_PATIENCE_S, max(0.0, end - time.monotonic()))):
            if self._cancelled() or time.monotonic() >= end:
                raise TimeoutError
        return answers.recv()


# -- in the child -----------------------------------------------------------------------------------------------------


def _serve(memory_mb: int, lost: type[InputError], jobs: Connection, answers: Connection) -> None:
    confine(memory_mb)
    with suppress(EOFError, OSError):  # the parent is gone, or wants no more
        job, items = jobs.recv()  # loads what the job needs
        answers.send(None)
        while True:
            for item in items:
                for answer in _results(job, item, lost):
                    answers.send(answer)
            job, items = jobs.recv()


def _results(job: Job[Item, Any], item: Item, lost: type[InputError]) -> Iterator[tuple[Any, bool]]:
    """What comes of one item, each with whether that is its end."""
    try:
        for result in job(item):
            yield result, False
        yield None, True
    except Exception as error:  # one file never stops a run; MemoryError is one too
        yield as_error(error, lost), True
