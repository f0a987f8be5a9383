"""The folder of an export: every file whole or not at all, and none written twice.

A manifest, `.cxrreport-export.jsonl`, says which version of what lies there. A line is added once the files that it names
are whole, so that a killed export goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cxrreport.errors import UsageError
from cxrreport.files import atomic, lock

MANIFEST = ".cxrreport-export.jsonl"
_LOCK = ".cxrreport-export.lock"


@dataclass(frozen=True, slots=True)
class Item:
    """A file to write: name below the folder, made of no tag; content; identifier in the standard of its format."""

    name: str
    content: bytes
    uid: str = ""


class Folder(AbstractContextManager["Folder"]):
    """A directory that one export writes at a time. `written` counts the files that were not there yet.

    Raises
    ------
    UsageError : it holds other things than an export. LockedError. StorageError.
    """

    def __init__(self, place: Path) -> None:
        self.place, self.written = place, 0
        self._open = ExitStack()
        self._versions: dict[str, str] = {}

    def __enter__(self) -> Folder:
        """Make and lock the directory, and read what lies there."""
        if self.place.is_dir() and not (self.place / MANIFEST).exists() and any(self.place.iterdir()):
            raise UsageError(
                "The directory holds other things than an export: name an empty or a new one.", "export.place"
            )
        self._open.enter_context(lock(self.place / _LOCK, "directory", "Another export writes to the directory"))
        manifest = self.place / MANIFEST
        for line in manifest.read_text("utf-8").splitlines() if manifest.exists() else ():
            self._remember(line)
        self._manifest = self._open.enter_context(manifest.open("a", encoding="utf-8"))
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the directory."""
        self._open.close()

    def _remember(self, line: str) -> None:
        try:
            row = json.loads(line)
            self._versions[row["key"]] = row["version"]
        except (ValueError, KeyError, TypeError):
            return  # cut off by a kill: what it was to name is written again

    def holds(self, key: str, version: str) -> bool:
        """Whether this version of a thing lies there."""
        return self._versions.get(key) == version

    def put(self, key: str, version: str, make: Callable[[], Iterable[Item]]) -> None:
        """Write the files of a thing unless this version of them lies there."""
        if self.holds(key, version):
            return
        names = [self._write(item) for item in make()]
        self._versions[key] = version
        self._manifest.write(json.dumps({"key": key, "version": version, "files": names}) + "\n")
        self._manifest.flush()

    def _write(self, item: Item) -> str:
        place = self.place / item.name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic(place) as file:
            file.write_bytes(item.content)
        self.written += 1
        return item.name

    @contextmanager
    def whole(self, name: str) -> Iterator[Path]:
        """Yield an empty file that takes the place of `name` at the end of the block; after an error it does not."""
        with atomic(self.place / name) as file:
            yield file
        self.written += 1
