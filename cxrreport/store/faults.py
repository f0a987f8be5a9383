"""Database errors -> our errors. The texts of drivers are never passed on: they quote values (and so patients)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from cxrreport.errors import CxrReportError, RightsError, StorageError, UnavailableError
from cxrreport.files import printable

DISK_FULL = "The disk of the database is full"
READ_ONLY = "The database is read-only"
DAMAGED = "The database file is damaged or is no database"
UNREADABLE = "The disk of the database cannot be read or written"
BUSY = "The database stayed locked by another process"
LOST = "The connection to the database was lost"
RIGHTS = (
    "The role of the database lacks rights; its owner grants them: GRANT USAGE, CREATE ON SCHEMA public TO role; GRANT SELECT,"
    " INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO role; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO role"
)

Fault = tuple[type[CxrReportError], str]
# https://sqlite.org/rescode.html, primary codes
SQLITE_FAULTS: dict[int, Fault] = {
    sqlite3.SQLITE_FULL: (StorageError, DISK_FULL),
    sqlite3.SQLITE_READONLY: (StorageError, READ_ONLY),
    sqlite3.SQLITE_IOERR: (StorageError, UNREADABLE),
    sqlite3.SQLITE_CANTOPEN: (StorageError, "The database file cannot be opened"),
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
    "53300": (UnavailableError, "The database has no free connection"),
    "55P03": (UnavailableError, BUSY),
    "40P01": (UnavailableError, BUSY),
    "42501": (RightsError, RIGHTS),
}
LOST_CLASSES = ("08", "57P")
REFUSED_CLASSES = ("22", "23", "54")  # data, integrity, limits of the program


def place(url: URL) -> str:
    """Where a database is, without user and password: the file of SQLite, or host and name."""
    if url.get_backend_name() == "sqlite":
        return printable(url.database)
    return printable(f"{url.database} on {url.host or url.query.get('host') or 'this machine'}")


def translate(error: DBAPIError, url: URL | None = None) -> CxrReportError:
    """Return our error for an error of the driver; its text names the place of the database, and no value of the statement."""
    kind, message = _fault(error)
    return kind(f"{message} ({place(url)})." if url else f"{message}.")


def _fault(error: DBAPIError) -> Fault:
    if error.connection_invalidated:
        return UnavailableError, LOST
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return SQLITE_FAULTS.get(code & 0xFF) or _defect(error, getattr(error.orig, "sqlite_errorname", str(code)))
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in POSTGRES_FAULTS:
        return POSTGRES_FAULTS[state]
    refused = not state and isinstance(error, OperationalError)  # libpq gives no SQLSTATE where it cannot connect
    if refused or state.startswith(LOST_CLASSES):
        return UnavailableError, LOST
    return _defect(error, state or "no code")


def refuses_values(error: DBAPIError) -> bool:
    """Tell whether the values of a statement are to blame, not the statement, the disk or the connection."""
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return str(state).startswith(REFUSED_CLASSES)
    return isinstance(error, DataError | IntegrityError | InterfaceError | ProgrammingError)  # a value of no known type


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn errors of the driver into ours; the traceback stays, the driver's text (it quotes values) does not."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error, engine.url).with_traceback(error.__traceback__) from None


def _defect(error: DBAPIError, code: str) -> Fault:
    return CxrReportError, f"The database refused a statement: {type(error.orig).__name__}, {code}"
