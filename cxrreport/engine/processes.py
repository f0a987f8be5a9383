"""Spread work over processes of this machine (see `spread`): one each core, or one each GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from cxrreport.codes import CODES
from cxrreport.engine.child import asked_to_stop, heed_sigterm, settle
from cxrreport.engine.pipes import PipedChild
from cxrreport.engine.spread import Item, Make, Result, answer, checked, lost, opened
from cxrreport.errors import InputError, UnavailableError
from cxrreport.log import get_log

_NOTHING: Any = object()
_LOOK_S = 0.5  # between two looks at whether the run is cancelled
_FAREWELL_S = 5.0  # for a process to end by itself
_MOST_LOST = 5  # workers one after another without a result in between: it is not the items


class Processes:
    """Child processes; use as a context manager.

    Parameters
    ----------
    environments : what each process has in its environment beside that of this one, such as the GPU that it sees. Without
        any, everything runs in this process, one item after another.
    ahead : a worker gets its next item before its last result is passed on. Without, with one worker, whoever takes a
        result has done so before the next item is pulled.
    cancelled : once it is true each worker is asked to stop soon, and the items must come to an end.
    """

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]],
        *,
        ahead: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._workers = [_Worker(environment) for environment in environments]
        self._ahead, self._cancelled = ahead, cancelled
        self._lost = 0

    def __enter__(self) -> Processes:
        """Workers start with the first items."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the workers; what they have in hand is dropped."""
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.stop(_FAREWELL_S)

    def spread(self, make: Make[Item, Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result | InputError]]:
        """As `Spread.spread`; each worker has one item in hand, and with `ahead` the next at once."""
        if not self._workers:
            do = checked(opened(make))
            for item in items:
                yield item, checked(answer(do, item))
            return
        source = iter(items)
        for worker in self._workers:
            self._hand(worker, make, source)
        while busy := [worker for worker in self._workers if worker.item is not _NOTHING]:
            for worker in self._answered(busy):
                if (found := self._take(worker)) is None:  # it is ready, and begins
                    continue
                if self._ahead:
                    self._hand(worker, make, source)
                yield found
                if not self._ahead:
                    self._hand(worker, make, source)

    def _answered(self, busy: Sequence[_Worker]) -> list[_Worker]:
        """Who of the busy has, after a while; once the work is cancelled all of them are asked to stop soon."""
        ready = wait([worker.answers for worker in busy], _LOOK_S)
        if self._cancelled():
            for worker in busy:
                worker.ask_to_stop()
        return [worker for worker in busy if worker.answers in ready]

    def _hand(self, worker: _Worker, make: Make[Any, Any], source: Iterator[Any]) -> None:
        """Give a worker the next item, if there is one."""
        if (item := next(source, _NOTHING)) is not _NOTHING:
            worker.give(make, item)

    def _take(self, worker: _Worker) -> tuple[Any, Any] | None:
        """An item and what came of it; None where the worker says that it is ready."""
        try:
            if (found := worker.answers.recv()) is None:
                worker.begin()
                return None
        except (EOFError, OSError):
            found = self._bury(worker)
        else:
            self._lost = 0
        item, worker.item = worker.item, _NOTHING
        return item, checked(*found)

    def _bury(self, worker: _Worker) -> tuple[InputError]:
        """Tell of a worker that was lost. Raises UnavailableError where none lives for long."""
        get_log().warning("worker.ended", exit_code=worker.stop())
        self._lost += not self._cancelled()  # who is asked to stop before it heeds that dies of it
        if self._lost == _MOST_LOST:
            raise UnavailableError(CODES["drafter.dies"].sentence, "drafter.dies")
        return (lost(),)


class _Worker:
    """One process, started with its first item and again after a loss, and the item that it has in hand."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._child: PipedChild | None = None
        self.item: Any = _NOTHING

    @property
    def answers(self) -> Connection:
        """What the process says; of one that has an item."""
        return self._running.answers

    def give(self, make: Make[Any, Any], item: Any) -> None:
        """Hand over an item; to a process that starts, once it is ready: a pipe does not hold all, and we would wait."""
        self.item = item
        if self._child is None:
            self._child = PipedChild(_serve, (dict(self._environment),), daemon=False)
            self._child.send(make)
        else:
            self.begin()

    def begin(self) -> None:
        """Send the item to a process that is ready, and takes it at once."""
        self._running.send(self.item)

    def ask_to_stop(self) -> None:
        """Let the process end once it has finished what it must."""
        self._running.ask_to_stop()

    def dismiss(self) -> None:
        """Let a process without an item end by itself, after its own children."""
        if self._child is not None and self.item is _NOTHING:
            self._child.hang_up()

    def stop(self, wait_s: float = 0) -> int | None:
        """End the process, whatever it does; its exit code, negative for a signal. wait_s : how long it may take if idle."""
        if self._child is None:
            return None
        code = self._child.end(wait_s if self.item is _NOTHING else 0)
        self._child = None
        return code

    @property
    def _running(self) -> PipedChild:
        assert self._child is not None  # who has an item has a process
        return self._child


# -- in the child -----------------------------------------------------------------------------------------------------


def _serve(environment: Mapping[str, str], items: Connection, answers: Connection) -> None:
    os.environ.update(environment)
    settle()
    heed_sigterm()
    with suppress(EOFError, OSError):  # the parent is gone, or wants no more
        do: Any = opened(items.recv())  # loads what it needs
        if isinstance(do, Exception):
            answers.send((do,))
            return
        answers.send(None)
        while not asked_to_stop():
            answers.send((answer(do, items.recv()),))
