"""The folder of an export: every file whole or not at all, and none written twice.

A manifest, `.cxrreport-export.jsonl`, says which version of what lies there. A line is added before files are written, that
none is ever forgotten, and one once they are whole, so that a killed export goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from cxrreport.errors import UsageError
from cxrreport.files import atomic, beside, lock

_OWN = ".cxrreport-export."
MANIFEST, _LOCK = f"{_OWN}jsonl", f"{_OWN}lock"


class Row(TypedDict):
    """One thing in the manifest, of version "" while its files are not whole; the row of key "" says under which names all
    of them are told."""

    key: str
    version: str
    content: str  # digest of the files
    files: list[str]


@dataclass(frozen=True, slots=True)
class Item:
    """A file to write: name below the folder, made of no tag; content; identifier in the standard of its format."""

    name: str
    content: bytes
    uid: str = ""


class Folder(AbstractContextManager["Folder"]):
    """A directory that one export writes at a time.

    `written` counts the files that were not there yet, `removed` the stems of which files were taken away.

    names : which pseudonyms stand in the files; "" where there are none. Files under others are never put beside them.

    Raises
    ------
    UsageError : it holds other things than an export, or one under other names. LockedError. StorageError.
    """

    def __init__(self, place: Path, names: str = "") -> None:
        self.place, self.written, self.removed, self._names = place, 0, 0, names
        self._open = ExitStack()
        self._rows: dict[str, Row] = {}

    def __enter__(self) -> Folder:
        """Make and lock the directory, and read what lies there."""
        if not _is_ours(self.place):
            raise UsageError(
                "The directory holds other things than an export: name an empty or a new one.", "export.place"
            )
        self._open.enter_context(lock(self.place / _LOCK, "directory", "Another export writes to the directory"))
        with ExitStack() as opened:
            opened.push(self._open)
            self._read()
            self._manifest = self._open.enter_context((self.place / MANIFEST).open("a", encoding="utf-8"))
            opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the directory; after an error the next export finds all lines of this one."""
        with self._open:
            if error[0] is None:
                self._write_manifest()

    def _read(self) -> None:
        """Take in the manifest and write it anew, without the lines that a kill cut off, or later ones replaced."""
        manifest = self.place / MANIFEST
        lines = manifest.read_text("utf-8", "replace").splitlines() if manifest.exists() else []
        rows = {row["key"]: row for row in filter(None, map(_row, lines))}
        self._rows = {key: row for key, row in rows.items() if row["files"] or not key}
        names = self._rows.setdefault(
            "", {"key": "", "version": "" if self._rows else self._names, "content": "", "files": []}
        )
        if names["version"] != self._names:
            raise UsageError("The directory holds an export under other names: name another one.", "export.names")
        self._write_manifest()

    def _write_manifest(self) -> None:
        with atomic(self.place / MANIFEST) as file:
            file.write_text("".join(map(_line, self._rows.values())), encoding="utf-8")

    def holds(self, key: str, version: str) -> bool:
        """Whether this version of a thing lies there."""
        return key in self._rows and self._rows[key]["version"] == version

    def put(self, key: str, version: str, make: Callable[[], Iterable[Item]]) -> None:
        """Write the files of a thing unless this version of them lies there, or one of the same bytes; others go."""
        if self.holds(key, version):
            return
        before = self._rows[key]["files"] if key in self._rows else []
        items = list(make())
        files, content = [item.name for item in items], _digest(items)
        if key in self._rows and self._rows[key]["content"] == content:
            return self._note(key, version, files, content)
        self._note(key, "", [*dict.fromkeys([*before, *files])])
        for item in items:
            self._write(item)
        self._unlink(set(before) - set(files))
        self._note(key, version, files, content)

    def keep(self, stems: Set[str], name: str = "") -> None:
        """Remove the files of all things, named FORMAT/STEM, of other stems than these; of one format where `name` is one."""
        keys = [key for key in sorted(self._rows) if key and (not name or key.startswith(f"{name}/"))]
        gone = {key: stem for key in keys if (stem := key.partition("/")[2]) not in stems}
        for key in gone:
            self._unlink(self._rows[key]["files"])
            self._note(key, "", [])
            del self._rows[key]
        self.removed += len({*gone.values()})

    def _note(self, key: str, version: str, files: list[str], content: str = "") -> None:
        self._rows[key] = {"key": key, "version": version, "content": content, "files": files}
        self._manifest.write(_line(self._rows[key]))
        self._manifest.flush()

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            place = self._place(name)
            for file in (place, beside(place)):  # which a kill may have left
                file.unlink(missing_ok=True)

    def _write(self, item: Item) -> None:
        place = self._place(item.name)
        for folder in reversed(place.relative_to(self.place).parents):  # `parents` of mkdir would be open to others
            (self.place / folder).mkdir(mode=0o700, exist_ok=True)
        with atomic(place) as file:
            file.write_bytes(item.content)
        self.written += 1

    def _place(self, name: str) -> Path:
        """Where a file lies; never outside, wherever a link or a damaged manifest may lead."""
        place = self.place / name
        if Path(name).is_absolute() or place.parent.resolve() != (self.place.resolve() / name).parent:
            raise UsageError("The directory holds a link that leads elsewhere: name another one.", "export.place")
        return place

    @contextmanager
    def whole(self, name: str) -> Iterator[Path]:
        """Yield an empty file that takes the place of `name` at the end of the block; after an error it does not."""
        with atomic(self._place(name)) as file:
            yield file
        self.written += 1


def _is_ours(place: Path) -> bool:
    """Nothing is there, or an export; one that was killed before its manifest was whole has no more than these files."""
    own = (place / MANIFEST, place / _LOCK)
    if any(file.is_symlink() for file in own):
        return False
    return not place.is_dir() or own[0].exists() or all(file.name.startswith(_OWN) for file in place.iterdir())


def _row(line: str) -> Row | None:
    """A line of the manifest; None for one that a kill has cut off: what it was to name is written again."""
    try:
        row = json.loads(line)
        key, version, content = str(row["key"]), str(row["version"]), str(row.get("content", ""))
        return {"key": key, "version": version, "content": content, "files": [str(name) for name in row["files"]]}
    except (ValueError, KeyError, TypeError):
        return None


def _digest(items: Iterable[Item]) -> str:
    told = "".join(f"{hashlib.sha256(item.content).hexdigest()} {item.name}\n" for item in items)
    return hashlib.sha256(told.encode()).hexdigest()


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"
