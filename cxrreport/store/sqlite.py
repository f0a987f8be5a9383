"""Open a file of SQLite: for a run, with private modes and safe pragmas, or to look at it, making nothing."""

from __future__ import annotations

import json
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from cxrreport.errors import StorageError
from cxrreport.files import printable
from cxrreport.store.mounts import network_kind


def open_sqlite(url: URL, timeout_s: float, read_only: bool) -> Engine:
    """Open the file; with `read_only` it must exist, and it may lie where nothing can be written.

    Raises
    ------
    StorageError : the file cannot be made or opened.
    """
    path = Path(url.database or "")
    if read_only:
        engine = _look(url, path)
        pragmas = [f"busy_timeout = {int(timeout_s * 1000)}", "query_only = ON"]
    else:
        _make_private(path)
        engine = create_engine(url, hide_parameters=True, json_serializer=to_json)
        journal = "DELETE" if network_kind(path) else "WAL"  # WAL needs memory that all processes share
        pragmas = [f"busy_timeout = {int(timeout_s * 1000)}", f"journal_mode = {journal}", "synchronous = FULL"]
    event.listen(engine, "connect", partial(_set_pragmas, [*pragmas, "foreign_keys = ON"]))
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(path: Path) -> None:
    """Create folder and file for the owner alone, whatever the umask is; leave what exists as it is."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    except OSError as error:
        raise StorageError(f"The database file {printable(path)} cannot be made or opened: {error.strerror}.") from None


def _look(url: URL, path: Path) -> Engine:
    """An engine that only reads.

    Even a reader needs `-wal` and `-shm` beside the file, and who may write removes them at the end; "ro" would leave them
    behind. In a folder that cannot be written, and where no `-wal` lies, nobody is at work: the file is taken as it is.
    """
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    mode = "rw" if writable else "ro" if Path(f"{path}-wal").exists() else "ro&immutable=1"
    file = f"file:{quote(os.path.abspath(path))}?mode={mode}"
    connect = partial(sqlite3.connect, file, uri=True, check_same_thread=False)
    return create_engine(url, hide_parameters=True, json_serializer=to_json, creator=connect)


def _set_pragmas(pragmas: list[str], connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would begin too late
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer half-way fails without waiting (SQLITE_BUSY_SNAPSHOT)."""
    reads = connection.get_execution_options().get("cxrreport_read_only", False)
    connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")


def to_json(value: Any) -> str:
    """Refuse NaN, which PostgreSQL could not store: both databases take the same documents."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
