"""A child process between two pipes: what it gets, and what it answers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class PipedChild:
    """A process that runs `serve(*arguments, theirs, answers)` with its ends of both pipes.

    `answers` is our end of what it says, and ends with it. daemon : it may have no children of its own.
    """

    def __init__(self, serve: Callable[..., None], arguments: tuple[Any, ...], *, daemon: bool) -> None:
        spawn = multiprocessing.get_context("spawn")
        theirs, self._given = spawn.Pipe(duplex=False)
        self.answers, answers = spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=serve, args=(*arguments, theirs, answers), daemon=daemon)
        self._process.start()
        theirs.close()
        answers.close()  # so that its end is the end of the pipe

    def send(self, what: Any) -> None:
        """Send to the process."""
        with suppress(OSError):  # it has died: the end of `answers` will tell
            self._given.send(what)

    def hang_up(self) -> None:
        """Send nothing any more, so that it ends by itself."""
        self._given.close()

    def ask_to_stop(self) -> None:
        """Send it SIGTERM."""
        self._process.terminate()

    def end(self, wait_s: float = 0) -> int:
        """End the process, whatever it does, after so many seconds to end by itself; its exit code, negative for a signal."""
        self._process.join(wait_s)
        self._process.kill()
        self._process.join()
        for mine in (self._given, self.answers):
            mine.close()
        return int(self._process.exitcode or 0)
