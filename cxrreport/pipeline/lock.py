"""Hold the home of this machine: one run at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cxrreport.errors import LockedError, StorageError


@contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Hold the home of this machine; the kernel frees the lock of a process that has died.

    Raises
    ------
    LockedError : names process and start of the holder. StorageError : the home cannot be written.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(error) from None
    try:
        _lock(descriptor)
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(f"Another run holds the archive{_holder(os.read(descriptor, 4096))}.") from None
    except OSError as error:  # a file system without locks
        raise _unwritable(error) from None


def _sign(descriptor: int) -> None:
    """Write who holds the home. No buffer: what a full disk refuses must not come up again at the end."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "started": started}).encode(), 0)
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> StorageError:
    return StorageError(f"The home cannot be written: {os.strerror(error.errno or 0)}.")


def _holder(signature: bytes) -> str:
    try:
        facts = json.loads(signature)
        return f" (process {int(facts['pid'])}, since {facts['started']})"
    except (ValueError, KeyError, TypeError):
        return ""
