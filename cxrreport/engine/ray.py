"""The engine on several machines: the same function in actors of Ray. No other file imports it.

A Ray that is started here listens on the loopback alone, asks a random token of everybody, and leaves nothing behind. One
that is there already keeps the rules of whoever runs it (docs/scale.md).
"""

from __future__ import annotations

import logging
import os
import resource
import secrets
import shutil
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple

# Read by Ray when it is imported: it tells nobody of this machine, asks no outside address for ours, prints none of the
# errors of its processes, which would go to stdout, trusts nobody without a token, and is as nice as this process.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "^"

import ray
from ray.exceptions import RayError

from cxrreport.codes import CODES
from cxrreport.engine.child import THREADS
from cxrreport.engine.machine import cores
from cxrreport.engine.quiet import nowhere
from cxrreport.engine.signals import signals_kept
from cxrreport.engine.spread import Item, Make, Result, answer, checked, lost, opened
from cxrreport.errors import ConfigurationError, CxrReportError, InputError, UnavailableError

_TRIES = 2  # of an item whose worker was lost, for a lost machine says nothing of the item
_STARTS = 5  # workers one after another that are lost before they have opened what they need
_LOOK_S = 0.5  # between two looks at whether the run is cancelled
_PATIENCE_S = 300.0  # without a single worker that is ready
_STORE = 128 << 20  # bytes of memory that a Ray of our own shares: results are small


class Needs(NamedTuple):
    """What a worker takes of its machine."""

    cpus: int = 1
    gpus: int = 0


class Cluster:
    """A Ray cluster that this process is a part of; use as a context manager.

    Parameters
    ----------
    address : `auto` or host:port; None starts a Ray of this machine alone.
    cpus : those of a Ray that is started; None: the cores of this machine.
    """

    def __init__(self, address: str | None = None, cpus: int | None = None) -> None:
        self._address, self._cpus = address, cpus
        self._open = ExitStack()

    def __enter__(self) -> Cluster:
        """Connect to the cluster, or start one.

        Raises
        ------
        UnavailableError : it does not answer. ConfigurationError : it has another token.
        """
        with ExitStack() as stack, signals_kept():
            logging.getLogger("ray").setLevel(logging.ERROR)
            try:
                self._join(stack) if self._address else self._found(stack)
            except (RayError, OSError, RuntimeError, ValueError) as error:
                raise _refusal(error) from None
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster, or stop the one that was started."""
        with signals_kept():
            self._open.close()

    @property
    def machines(self) -> int:
        """Machines of the cluster, by their addresses."""
        return len({node["NodeManagerAddress"] for node in _nodes()})

    @property
    def has_gpus(self) -> bool:
        """Whether any machine has one."""
        return any(node["Resources"].get("GPU") for node in _nodes())

    def room(self, needs: Needs) -> int:
        """Workers that the machines have room for.

        Raises
        ------
        UnavailableError : `cluster.room`, for none.
        """
        taken = {name: need for name, need in zip(("CPU", "GPU"), needs, strict=True) if need}
        each = (min(node["Resources"].get(name, 0) // need for name, need in taken.items()) for node in _nodes())
        if not (room := int(sum(each))):
            raise UnavailableError(CODES["cluster.room"].sentence, "cluster.room")
        return room

    def _join(self, stack: ExitStack) -> None:
        stack.callback(ray.shutdown)
        ray.init(address=self._address, **_QUIET)

    def _found(self, stack: ExitStack) -> None:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray would write one into the user's home
        folder = tempfile.mkdtemp(prefix="cxrreport-ray-")  # short: the names of sockets are
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(ray.shutdown)
        with nowhere():
            ray.init(
                num_cpus=self._cpus or cores(),
                object_store_memory=_STORE,
                include_dashboard=False,
                _temp_dir=folder,
                _node_ip_address="127.0.0.1",
                **_QUIET,
            )


_QUIET: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _refusal(error: Exception) -> CxrReportError:
    """Why the cluster cannot be used; what Ray says itself may hold anything."""
    if "AuthenticationError" in f"{error!r} {error.__cause__!r}":
        return ConfigurationError(CODES["cluster.token"].sentence, "cluster.token")
    return UnavailableError(CODES["cluster"].sentence, "cluster")


# -- the driver -------------------------------------------------------------------------------------------------------


class RayEngine:
    """Workers on the machines of the cluster that is open, in the place of processes of this one; use as a context manager.

    Parameters
    ----------
    needs : of each worker.
    workers : how many; those for whom there is no room wait for it.
    ahead : a worker gets its next item before its last result is passed on. Without, with one worker, whoever takes a
        result has done so before the next item is pulled.
    cancelled : once it is true nothing more is waited for than what is in hand.
    """

    def __init__(
        self, needs: Needs, workers: int, *, ahead: bool = True, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._needs, self._workers, self._ahead, self._cancelled = needs, workers, 1 + ahead, cancelled

    def __enter__(self) -> RayEngine:
        """Workers start with the first items."""
        return self

    def __exit__(self, *_: object) -> None:
        """They have ended with the last."""

    def spread(self, make: Make[Item, Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result | InputError]]:
        """As `Spread.spread`; what a lost worker had in hand is done by another one, and is lost itself if that is lost too.

        Raises
        ------
        UnavailableError : no worker lives. CxrReportError : what `make` raised, which names the machine, or an error that
            is no item's.
        """
        crew = _Crew(make, items, self._needs, self._ahead, self._cancelled)
        crew.engage(self._workers)
        try:
            yield from crew.results()
        finally:
            crew.dismiss()


@dataclass(slots=True, eq=False)
class _Task(Generic[Item]):
    """alone : it was in the hand of a worker that was lost, and takes nothing along any more."""

    item: Item
    tries: int = 0
    alone: bool = False


@dataclass(slots=True, eq=False)
class _Worker(Generic[Item]):
    """opening: the answer that tells that it has opened what it needs, until it has come. hand: answers and tasks, in order."""

    actor: Any
    opening: Any
    hand: dict[Any, _Task[Item]] = field(default_factory=dict)

    def takes(self, ahead: int) -> bool:
        """Whether it is ready for one more, beside at most so many."""
        return self.opening is None and len(self.hand) <= ahead and not any(task.alone for task in self.hand.values())


class _Crew(Generic[Item, Result]):
    """The workers of one `spread`, and what they have in hand."""

    def __init__(
        self,
        make: Make[Item, Result],
        items: Iterable[Item],
        needs: Needs,
        ahead: int,
        cancelled: Callable[[], bool],
    ) -> None:
        self._make, self._items, self._ahead, self._cancelled = make, iter(items), ahead, cancelled
        one_thread = {"env_vars": {THREADS: "1"}}
        self._actors = ray.remote(_Actor).options(num_cpus=needs.cpus, num_gpus=needs.gpus, runtime_env=one_thread)
        self._again: deque[_Task[Item]] = deque()
        self._over, self._unopened, self._heard = False, 0, time.monotonic()
        self._workers: list[_Worker[Item]] = []

    def engage(self, size: int) -> None:
        """Start so many workers, each as soon as there is room for it."""
        self._workers = [self._start() for _ in range(size)]

    def results(self) -> Iterator[tuple[Item, Result | InputError]]:
        """See `RayEngine.spread`."""
        while self._hand_out():
            for worker, ready in self._answered():
                try:
                    said = ray.get(ready)
                except RayError:
                    yield from self._lose(worker)
                    continue
                self._heard = time.monotonic()
                if ready is worker.opening:
                    self._opened(worker, said)
                else:
                    yield worker.hand.pop(ready).item, checked(said)

    def dismiss(self) -> None:
        """End all workers, whatever they do."""
        for worker in self._workers:
            ray.kill(worker.actor)

    def _start(self) -> _Worker[Item]:
        actor = self._actors.remote()
        return _Worker(actor, actor.open.remote(self._make))

    def _opened(self, worker: _Worker[Item], error: CxrReportError | None) -> None:
        checked(error)
        worker.opening, self._unopened = None, 0

    def _hand_out(self) -> bool:
        """Give everybody who is ready something to do; whether there is anything to wait for."""
        for ahead in range(self._ahead):
            for worker in self._workers:
                if worker.takes(ahead) and (task := self._next(alone=not worker.hand)):
                    worker.hand[worker.actor.work.remote(task.item)] = task
        if any(worker.hand for worker in self._workers):
            return True
        return bool(self._again) or not (self._over or self._cancelled())

    def _next(self, alone: bool) -> _Task[Item] | None:
        if self._again and alone:
            return self._again.popleft()
        for item in self._items:
            return _Task(item)
        self._over = True
        return None

    def _answered(self) -> list[tuple[_Worker[Item], Any]]:
        """Who has answered, and with what; nobody after a while."""
        asked = {answer: worker for worker in self._workers for answer in worker.hand}
        asked |= {worker.opening: worker for worker in self._workers if worker.opening is not None}
        answers, _ = ray.wait(list(asked), timeout=_LOOK_S)
        if all(worker.opening is not None for worker in self._workers) and not answers:
            self._lose_patience()
        return [(asked[answer], answer) for answer in answers]

    def _lose_patience(self) -> None:
        if self._cancelled() or time.monotonic() - self._heard > _PATIENCE_S:
            raise UnavailableError(CODES["cluster"].sentence, "cluster")

    def _lose(self, worker: _Worker[Item]) -> Iterator[tuple[Item, InputError]]:
        """Put another worker in the place of a lost one; only what it was doing may have cost it."""
        ray.kill(worker.actor)
        self._unopened += worker.opening is not None
        if self._unopened == _STARTS:
            raise UnavailableError(CODES["drafter.dies"].sentence, "drafter.dies")
        self._workers[self._workers.index(worker)] = self._start()
        for place, task in enumerate(worker.hand.values()):
            task.tries, task.alone = task.tries + (place == 0), True
            if task.tries < _TRIES:
                self._again.append(task)
            else:
                yield task.item, lost()


# -- on the machines of the cluster -------------------------------------------------------------------------------------


class _Actor:
    """Errors are values: one that Ray sees would count as the loss of the worker."""

    def open(self, make: Make[Any, Any]) -> CxrReportError | None:
        """Open what is dear; why that cannot be, and on which machine."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold films
        do = opened(make)
        if isinstance(do, CxrReportError):
            return type(do)(f"On the machine {socket.gethostname()}: {do.message}", do.code)
        self._do = do
        return None

    def work(self, item: Any) -> Any:
        """What comes of one item."""
        return answer(self._do, item)
