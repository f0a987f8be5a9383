"""Publishing of versioned folders: fsync, rename, replace the pointer `CURRENT`; rubbish of dead builds is removed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cxrreport import files
from cxrreport.errors import IndexFitError, LockedError, StorageError
from cxrreport.files import atomic, printable, sync

_VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_TEMPORARY = re.compile(_VERSION.pattern + r"\.tmp-\d+|CURRENT\.tmp")


@contextmanager
def lock(home: Path) -> Iterator[None]:
    """Hold the folder for one build; the system releases the lock when the process dies, however it dies."""
    with files.lock(home / ".lock", "index folder", "another build of the index is at work"):
        home.chmod(0o700)
        yield


def remove_rubbish(home: Path) -> None:
    """Remove what a killed build left. The caller holds the lock."""
    for entry in home.iterdir():
        if _TEMPORARY.fullmatch(entry.name):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def remove_rubbish_if_idle(home: Path) -> None:
    """Remove what a killed build left unless a build is at work or the folder is not ours to write."""
    if not home.is_dir() or not any(_TEMPORARY.fullmatch(entry.name) for entry in home.iterdir()):
        return
    with suppress(LockedError, StorageError, OSError), lock(home):
        remove_rubbish(home)


def must_fit(home: Path, size: int) -> None:
    """Refuse what does not fit the disk of an existing folder, before hours are spent on it.

    Raises
    ------
    StorageError : how much is free, and how much is needed at least.
    """
    free = shutil.disk_usage(home).free
    if size > free:
        needed, there = (f"{number / (1 << 30):.1f} GiB" for number in (size, free))
        raise StorageError(
            f"The index needs at least {needed} more on the disk, where {there} are free ({printable(home)})."
        )


def publish(temporary: Path, version: str) -> None:
    """Give a finished folder its name and make it current."""
    home = temporary.parent
    sync(temporary)
    temporary.rename(home / version)
    sync(home)
    point_to(home, version)


def remove(home: Path, version: str) -> None:
    """Remove a version; renamed first, so that one half removed is rubbish and never a version."""
    rubbish = home / f"{version}.tmp-{os.getpid()}"
    (home / version).rename(rubbish)
    shutil.rmtree(rubbish)


def point_to(home: Path, version: str) -> None:
    """Make a published version the current one, in one step."""
    with atomic(home / "CURRENT") as file:
        file.write_text(version + "\n", encoding="ascii")


def current(home: Path) -> str | None:
    """The version that serves, None where nothing is published.

    Raises
    ------
    IndexFitError : the pointer `CURRENT` names no version.
    """
    try:
        name = (home / "CURRENT").read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    if not _VERSION.fullmatch(name):
        raise IndexFitError("the file CURRENT of the index names no version; rebuild the index with `cxrreport index`.")
    return name


def versions(home: Path) -> list[str]:
    """Names of the published versions, the newest first."""
    if not home.is_dir():
        return []
    return sorted((entry.name for entry in home.iterdir() if _VERSION.fullmatch(entry.name)), reverse=True)


def settle(path: Path) -> None:
    """Make a finished file private and bring it to the disk."""
    path.chmod(0o600)
    sync(path)


def sha256(path: Path) -> str:
    """Digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
