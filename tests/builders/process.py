"""The command line in a process of its own, which may die."""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders.tool import REGISTERED, remembering

PRELOADED = [
    *("builders.process", "cxrreport.imaging.register", "cxrreport.pipeline.generate", "cxrreport.pipeline.index"),
]


@dataclass(frozen=True)
class Mishap:
    """What befalls the process at the `number`-th call of a function: `signal`, or a rest of `sleep_s` at each call.

    `function` is "module:name" or "module:class.name", as its callers look it up. The signal comes before the call, or
    with `after` when it has returned.
    """

    function: str
    number: int = 1
    signal: int = 0
    after: bool = False
    sleep_s: float = 0.0

    def install(self) -> None:
        """Replace the function, in this process."""
        owner, last = _find(self.function)
        original, calls = getattr(owner, last), itertools.count(1)

        def replaced(*arguments: Any, **options: Any) -> Any:
            time.sleep(self.sleep_s)
            struck = self.signal and next(calls) == self.number
            if struck and not self.after:
                os.kill(os.getpid(), self.signal)
            result = original(*arguments, **options)
            if struck and self.after:
                os.kill(os.getpid(), self.signal)
            return result

        setattr(owner, last, replaced)


def before_call(patch: pytest.MonkeyPatch, function: str, number: int, act: Callable[[], object]) -> None:
    """Do something before the `number`-th call of a function of this process, named as in `Mishap`."""
    owner, last = _find(function)
    original, calls = getattr(owner, last), itertools.count(1)

    def replaced(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            act()
        return original(*arguments, **options)

    patch.setattr(owner, last, replaced)


def _find(function: str) -> tuple[Any, str]:
    """The module or class that holds a function, and its name there."""
    module, _, name = function.partition(":")
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    return owner, last


class Process:
    """`cxrreport` on a home in a process of its own. It starts at once: a server that has imported all forks it."""

    def __init__(self, home: Path, *arguments: str | Path, mishap: Mishap | None = None, db: str | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._print = home.parent / f"printed-{time.monotonic_ns()}"
        database = ["--db", db] if db else []
        line = ["--home", str(home), *database, *map(str, arguments)]
        environment = {key: value for key, value in os.environ.items() if key.startswith(("CXRREPORT_", "OMP_"))}
        known = dict(REGISTERED)
        self._process = context.Process(target=_live, args=(line, environment, self._print, mishap, known))
        self._process.start()
        self.pid = int(self._process.pid or 0)

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it if it still runs."""
        self._process.kill()
        self._process.join()

    def wait(self, timeout_s: float = 60) -> int:
        """Exit code, negative where a signal ended the process."""
        self._process.join(timeout_s)
        assert self._process.exitcode is not None, "the process still runs"
        return self._process.exitcode

    @property
    def printed(self) -> str:
        """What it printed on stdout and stderr."""
        return self._print.read_text()


def _live(
    line: list[str], environment: dict[str, str], printed: Path, mishap: Mishap | None, known: dict[bytes, Any]
) -> None:
    from cxrreport.cli.main import call

    from cxrreport.imaging import register

    REGISTERED.update(known)
    register.register = remembering(register.register)

    os.environ.update(environment)
    descriptor = os.open(printed, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    if mishap:
        mishap.install()
    os._exit(call(line))


def children_of(pid: int) -> list[int]:
    """The child processes of a process, and theirs."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(below for child in found for below in children_of(child))]


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(holds: Callable[[], object], timeout_s: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)
