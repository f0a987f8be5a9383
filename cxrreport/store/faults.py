"""Database errors -> our errors. The texts of drivers are never passed on: they quote values (and so patients)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from cxrreport.errors import CxrReportError, StorageError, UnavailableError

DISK_FULL = "The disk of the database is full."
READ_ONLY = "The database is read-only."
DAMAGED = "The database file is damaged or is no database."
UNREADABLE = "The disk of the database cannot be read or written."
BUSY = "The database stayed locked by another process."
LOST = "The connection to the database was lost."

Fault = tuple[type[CxrReportError], str]
# https://sqlite.org/rescode.html, primary codes
SQLITE_FAULTS: dict[int, Fault] = {
    sqlite3.SQLITE_FULL: (StorageError, DISK_FULL),
    sqlite3.SQLITE_READONLY: (StorageError, READ_ONLY),
    sqlite3.SQLITE_IOERR: (StorageError, UNREADABLE),
    sqlite3.SQLITE_CANTOPEN: (StorageError, "The database file cannot be opened."),
    sqlite3.SQLITE_CORRUPT: (StorageError, DAMAGED),
    sqlite3.SQLITE_NOTADB: (StorageError, DAMAGED),
    sqlite3.SQLITE_BUSY: (UnavailableError, BUSY),
    sqlite3.SQLITE_LOCKED: (UnavailableError, BUSY),
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
POSTGRES_FAULTS: dict[str, Fault] = {
    "53100": (StorageError, DISK_FULL),
    "25006": (StorageError, READ_ONLY),
    "58030": (StorageError, UNREADABLE),
    "53300": (UnavailableError, "The database has no free connection."),
    "55P03": (UnavailableError, BUSY),
    "40P01": (UnavailableError, BUSY),
}
LOST_CLASSES = ("08", "57P")


def translate(error: DBAPIError) -> CxrReportError:
    """Return our error for an error of the driver; its text holds no value of the statement."""
    if error.connection_invalidated:
        return UnavailableError(LOST)
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        kind, message = SQLITE_FAULTS.get(code & 0xFF, (None, ""))
        return kind(message) if kind else _defect(error, getattr(error.orig, "sqlite_errorname", str(code)))
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in POSTGRES_FAULTS:
        kind, message = POSTGRES_FAULTS[state]
        return kind(message)
    refused = not state and isinstance(error, OperationalError)  # libpq gives no SQLSTATE where it cannot connect
    if refused or state.startswith(LOST_CLASSES):
        return UnavailableError(LOST)
    return _defect(error, state or "no code")


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the driver into ours; the traceback stays, the driver's text (it quotes values) does not."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error).with_traceback(error.__traceback__) from None


def _defect(error: DBAPIError, code: str) -> CxrReportError:
    kind = type(error.orig).__name__
    return CxrReportError(f"The database refused a statement ({kind}, {code}).")
