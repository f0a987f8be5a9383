"""Where the resources of a FHIR bulk export lie, which has a file a type: on disk, for it may hold millions.

Reports refer to resources as `Type/id`. Numbers are those of one server, so that a name holds in its own folder alone:
in that of another export `Patient/1` is somebody else.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from cxrreport.errors import StorageError
from cxrreport.reports.parsing import decode

Resource = dict[str, Any]
Place = tuple[str, int, int, int]  # name, first byte, number of bytes, digest of what is read of it

MAX_LINE = 8 << 20
KINDS = frozenset({"Patient", "ImagingStudy", "ServiceRequest", "Observation", "Binary"})
SUFFIXES = frozenset({".ndjson", ".jsonl", ".json"})
_PREFIX, _SUFFIX = "fhir-", ".tmp"
_USED = (
    "identifier", "status", "code", "valueString", "modality", "description", "procedureCode", "reasonCode", "reason",
    "note", "contentType", "data",
)  # fmt: skip
_PAGE = 1000  # lines
_TABLES = """
    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
    CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT UNIQUE);
    CREATE TABLE place (folder TEXT, name TEXT, file INTEGER, start INTEGER, size INTEGER, digest INTEGER,
                        PRIMARY KEY (folder, name)) WITHOUT ROWID;
"""


def places(path: Path) -> Iterator[list[Place]]:
    """Where each resource of a file lies that a report may refer to; an empty list is a sign of life.

    A file that is no FHIR, or cannot be read, holds none: whoever reads it for reports tells what is wrong with it.
    """
    with suppress(OSError), path.open("rb") as file:
        first = _resource(file.readline(MAX_LINE))
        if first is None:
            data = decode.whole(path, MAX_LINE)
            yield list(_place(data, 0)) if data and data.lstrip().startswith(b"{") else []
        elif "resourceType" in first:
            file.seek(0)
            yield from _of_lines(file)


def _of_lines(file: Any) -> Iterator[list[Place]]:
    page: list[Place] = []
    start = 0
    for number, line in enumerate(decode.lines(file, MAX_LINE), start=1):
        page += _place(line or b"", start)
        start = file.tell()
        if number % _PAGE == 0:
            yield page
            page = []
    yield page


def _place(data: bytes, start: int) -> Iterator[Place]:
    resource = _resource(data)
    if resource is not None and resource.get("resourceType") in KINDS and isinstance(resource.get("id"), str):
        used = json.dumps([resource.get(key) for key in _USED], sort_keys=True)
        digest = int.from_bytes(blake2b(used.encode("utf-8", "replace"), digest_size=7).digest())
        yield f"{resource['resourceType']}/{resource['id']}", start, len(data), digest


def _resource(data: bytes) -> Resource | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class ReferenceIndex:
    """The places of all files, on disk as long as they are needed; see `building`."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path, self._database = path, database

    def add(self, file: Path, found: list[Place]) -> None:
        """Take in places of one file. Of two resources of one name that say different things neither is found.

        Raises
        ------
        StorageError : the disk is full.
        """
        with _storing():
            self._database.execute("INSERT OR IGNORE INTO file (path) VALUES (?)", (str(file),))
            self._database.executemany(
                "INSERT INTO place SELECT ?1, ?2, id, ?4, ?5, ?6 FROM file WHERE path = ?3 ON CONFLICT DO UPDATE"
                " SET size = CASE WHEN digest = excluded.digest THEN size ELSE -1 END",
                ((str(file.parent), name, str(file), start, size, digest) for name, start, size, digest in found),
            )

    def done(self) -> Path | None:
        """The file to give to `find`; None where there is nothing in it."""
        with _storing():
            self._database.commit()
            some = self._database.execute("SELECT 1 FROM place LIMIT 1").fetchone()
        return self._path if some else None


@contextmanager
def building(home: Path) -> Iterator[ReferenceIndex]:
    """An empty index in the archive's home, gone at the end; so are those that a killed run has left.

    Raises
    ------
    StorageError : it cannot be written.
    """
    for left in home.glob(f"{_PREFIX}*{_SUFFIX}"):
        left.unlink(missing_ok=True)
    with _storing():
        handle, name = tempfile.mkstemp(_SUFFIX, _PREFIX, home)  # for the owner alone
        os.close(handle)
        database = sqlite3.connect(name)
        database.executescript(_TABLES)
    try:
        yield ReferenceIndex(Path(name), database)
    finally:
        database.close()
        Path(name).unlink(missing_ok=True)


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageError(f"The index of FHIR references in the home cannot be written: {error}.") from None


def find(index: Path, folder: Path, name: str) -> Resource | None:
    """The resource of a name in a folder; None where there is none, or it is gone or not what it was."""
    query = "SELECT path, start, size FROM place JOIN file ON file.id = place.file WHERE place.folder = ? AND name = ?"
    row = _open(index).execute(query, (str(folder), name)).fetchone()
    if row is None or row[2] < 0:  # of two that differ
        return None
    with suppress(OSError), open(row[0], "rb") as file:
        file.seek(row[1])
        resource = _resource(file.read(row[2]))
        if resource and f"{resource.get('resourceType')}/{resource.get('id')}" == name:
            return resource
    return None


@lru_cache(maxsize=1)
def _open(index: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True)
