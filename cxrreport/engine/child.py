"""What every child process does first: it ends with its parent, leaves Ctrl-C to it, and computes with one thread."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
from contextlib import suppress
from threading import Event

_PR_SET_PDEATHSIG = 1  # prctl(2)
THREADS = "OMP_NUM_THREADS"


def settle() -> None:
    """Prepare this child process; must come before numpy, torch or FAISS is loaded in it."""
    os.environ.setdefault(THREADS, "1")  # work spreads by process: more threads only wait for each other
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold films
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()


_asked = Event()


def heed_sigterm() -> None:
    """Take SIGTERM as a request to stop soon: a service manager may send it to all processes of a run at once."""
    signal.signal(signal.SIGTERM, lambda *_: _asked.set())


def asked_to_stop() -> bool:
    """Whether this process was asked to stop, if it heeds that."""
    return _asked.is_set()


def _end_with_parent() -> None:
    """Have the kernel kill this process when the parent is gone, however it went. Linux; elsewhere the pipe's end tells."""
    parent = multiprocessing.parent_process()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and parent.pid != os.getppid():  # it had gone before
        os._exit(1)
