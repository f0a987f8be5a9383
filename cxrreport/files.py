"""Files that are written whole or not at all, and the one lock between processes."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxrreport.errors import LockedError, StorageError, UsageError


def printable(value: Any) -> str:
    """A value harmless for a terminal and a log: control characters as their escapes, all in one line."""
    signs = str(value).encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in signs)


def storable(path: str | Path) -> str:
    """A path as text; the bytes of one that is no UTF-8, which nobody can store or print, as their escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def must_exist(paths: Iterable[Path]) -> None:
    """Refuse paths of the command line that lead nowhere.

    Raises
    ------
    UsageError : naming them.
    """
    missing = [printable(path) for path in paths if not os.path.lexists(path)]
    if missing:
        raise UsageError(f"There is no {', no '.join(missing)}; is the export mounted?", "usage.path")


@contextmanager
def atomic(path: Path, mode: int = 0o600) -> Iterator[Path]:
    """Yield an empty file beside `path`; what the block writes into it takes the place of `path` at the end.

    An error or a kill leaves what was there before. The umask cuts `mode`. Writers of one path exclude each other themselves.
    """
    file = beside(path)
    file.unlink(missing_ok=True)  # one that a kill left may have another mode
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield file
        sync(file)
        os.replace(file, path)
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise
    sync(path.parent)


def beside(path: Path) -> Path:
    """Where a file is while it is written by `atomic`."""
    return path.with_name(path.name + ".tmp")


def secret(path: Path) -> bytes:
    """Return the random key in the file `path`, for its owner alone; one that is missing is made."""
    if not path.exists():
        with atomic(path) as file:
            file.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def write_json(path: Path, facts: Any, indent: int | None = None) -> None:
    """Write facts whole or not at all, readable for whom the umask lets."""
    with atomic(path, 0o666) as file:
        file.write_text(json.dumps(facts, indent=indent) + "\n", encoding="utf-8")


def sync(*paths: Path) -> None:
    """Bring the content of files, and the names in directories, to the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def lock(path: Path, place: str, held: str = "Another run holds the archive") -> Iterator[None]:
    """Hold the lock file `path`, signed with process and start; the kernel frees the lock of a process that has died.

    Not filelock: it empties the file before it knows whether it gets the lock, and the signature is lost.

    Raises
    ------
    LockedError : `held`, and who holds it. StorageError : `place` cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(place, path, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign(descriptor)
        except BlockingIOError:
            raise LockedError(f"{held}{_holder(os.read(descriptor, 4096))}.") from None
        except OSError as error:  # a full disk, or a file system without locks
            raise _unwritable(place, path, error) from None
        yield
    finally:
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    """Write who holds the lock. No buffer: what a full disk refuses must not come up again at the end."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "started": started}).encode(), 0)


def _holder(signature: bytes) -> str:
    try:
        facts = json.loads(signature)
        return f" (process {int(facts['pid'])}, since {facts['started']})"
    except (ValueError, KeyError, TypeError):
        return ""


def _unwritable(place: str, path: Path, error: OSError) -> StorageError:
    return StorageError(f"The {place} cannot be written: {os.strerror(error.errno or 0)} ({printable(path)}).")
