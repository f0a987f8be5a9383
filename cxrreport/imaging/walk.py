"""Walk the hospital's export: every regular file that may be DICOM, in a fixed order; the rest named by kind."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cxrreport.files import must_exist, storable
from cxrreport.records import FileEntry

OnSkip = Callable[[str, str], None]

_KINDS_BY_EXTENSION = {
    "archive": "zip gz tgz bz2 xz zst tar 7z rar iso",
    "document": "pdf doc docx xls xlsx rtf txt csv tsv htm html xml json jsonl md log",
    "image": "jpg jpeg png gif bmp tif tiff webp svg",
}
_KIND_OF = {extension: kind for kind, extensions in _KINDS_BY_EXTENSION.items() for extension in extensions.split()}
_MAX_TIME_NS = 2**63 - 1  # the year 2262, where the database ends; a file system goes on
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}


def walk(
    roots: Iterable[Path], on_skip: OnSkip, settle_s: float = 0.0, pause: Callable[[float], object] = time.sleep
) -> Iterator[FileEntry]:
    """Yield the regular files below `roots` (directories or files), sorted by name within each directory.

    Symbolic links are never followed, so a loop or a link out of the export cannot be entered; FIFOs, sockets and
    devices are never opened. Only names that are clearly not DICOM are left out, unless the content is DICOM all the
    same; every other file is yielded.

    Parameters
    ----------
    on_skip : called with (kind, path) for everything left out; kinds are symlink, special, empty, dicomdir,
        archive, document, image, hidden, growing, path.unreadable and path.name. The path is `storable`.
    settle_s : a file modified less than this many seconds ago may still be copied: it is waited for with `pause` until it
        is older, and left for the next run where it has changed meanwhile. All files of a folder age while one is waited
        for, so that an export just copied costs the time about once.

    Raises
    ------
    UsageError : a root does not exist.
    """
    starts = [Path(os.path.abspath(root)) for root in roots]
    must_exist(starts)
    for start in starts:
        yield from _walk_root(os.fspath(start), on_skip, settle_s, pause)


def _walk_root(root: str, on_skip: OnSkip, settle_s: float, pause: Callable[[float], object]) -> Iterator[FileEntry]:
    pending = [os.path.realpath(root)]  # a root that is itself a link was named by the user: enter it
    while pending:
        path = pending.pop()
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                pending.extend(_children(path, on_skip))
                continue
        except OSError:
            on_skip("path.unreadable", storable(path))
            continue
        kind = _kind_to_skip(path, status)
        if kind is None and _is_growing(path, status, settle_s, pause):
            kind = "growing"
        if kind is None:
            yield _entry(path, status)
        else:
            on_skip(kind, storable(path))


def look_at(path: str) -> FileEntry:
    """Return a file as it is now. Raises OSError."""
    return _entry(path, os.stat(path))


def has_changed(entry: FileEntry) -> bool:
    """Tell whether a file is another one by now; one that is out of reach is not known to be."""
    try:
        return look_at(entry.path) != entry
    except OSError:
        return False


def _entry(path: str, status: os.stat_result) -> FileEntry:
    return FileEntry(path, status.st_size, min(status.st_mtime_ns, _MAX_TIME_NS))


def _children(directory: str, on_skip: OnSkip) -> list[str]:
    """Paths in `directory` to visit, last first; links and hidden entries are reported here and not entered."""
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: entry.name, reverse=True)
    children = []
    for entry in found:
        if entry.is_symlink():
            on_skip("symlink", storable(entry.path))
        elif entry.name.startswith(".") or entry.name.lower() in _SYSTEM_FILES:
            on_skip("hidden", storable(entry.path))
        else:
            children.append(entry.path)
    return children


def _is_growing(path: str, status: os.stat_result, settle_s: float, pause: Callable[[float], object]) -> bool:
    """Wait for a young file, and tell whether it has changed. A time far ahead is a wrong clock and tells nothing."""
    age_s = time.time() - status.st_mtime
    if abs(age_s) >= settle_s:
        return False
    pause(settle_s - max(age_s, 0))
    return has_changed(_entry(path, status))


def _kind_to_skip(path: str, status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "symlink" if stat.S_ISLNK(status.st_mode) else "special"
    if storable(path) != path:
        return "path.name"
    if status.st_size == 0:
        return "empty"
    name = os.path.basename(path).lower()
    if name == "dicomdir":
        return "dicomdir"
    kind = _KIND_OF.get(name.rpartition(".")[2]) if "." in name else None
    return None if kind is not None and _has_dicom_preamble(path) else kind


def _has_dicom_preamble(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
