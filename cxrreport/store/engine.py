"""Open the database and run transactions. The names of `migrate` and `hold` are offered here too."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from cxrreport.errors import ConfigurationError, InputError, UnavailableError
from cxrreport.files import lock, printable
from cxrreport.settings import Settings
from cxrreport.store.faults import place, refuses_values, translate, translated
from cxrreport.store.hold import hold_archive
from cxrreport.store.migrate import check_schema, current, prepare, upgrade
from cxrreport.store.sqlite import open_sqlite, to_json

__all__ = ["check_schema", "current", "hold_archive", "open_database", "place", "prepare", "session", "upgrade"]

Item = TypeVar("Item")
BATCH = 500
DATABASE = "cxrreport.db"  # in the home, where no other is named
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
# What of libpq's text may be told: the rest quotes values of the URL.
REASONS = (
    "Connection refused", "timeout expired", "Name or service not known", "failed to resolve host", "starting up",
    "shutting down", "too many clients", "No route to host", "Network is unreachable", "No such file or directory",
)  # fmt: skip
# Waiting does not mend these; libpq gives no SQLSTATE for a refused connection, only a text.
REFUSALS = ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf", "permission denied")


def open_database(url: str | None, home: Path, timeout_s: float = 30, read_only: bool = False) -> Engine:
    """Open the database and make sure that it answers.

    Parameters
    ----------
    url : `postgresql://…` or `sqlite:///…`; None is the embedded SQLite at `home`/cxrreport.db.
    home : made with mode 0700 where it is missing; the database file is made with mode 0600.
    timeout_s : how long to try to reach the server, and to wait for a lock of SQLite.
    read_only : the file of SQLite must exist, and may lie where nothing can be written.

    Raises
    ------
    ConfigurationError : `url` is of another kind of database or cannot be read.
    UnavailableError : no answer within `timeout_s`, or access is refused.
    StorageError : the file cannot be made, opened or read.
    """
    target = _target(url, home)
    if target.get_backend_name() == "sqlite":
        engine = open_sqlite(target, timeout_s, read_only)
    else:
        engine = _open_postgres(target, timeout_s)
    _wait_for(engine, timeout_s)
    return engine


def _target(url: str | None, home: Path) -> URL:
    return _read_url(url) if url else URL.create("sqlite", database=str(home / DATABASE))


def _read_url(url: str) -> URL:
    """Parse `url`; no error of this function quotes it, for it may hold a password."""
    try:
        target = make_url(url.replace("postgres://", "postgresql://", 1))
        backend = target.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError("The database URL cannot be read.") from None
    if backend == "postgresql":
        return target.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and target.database and target.database != ":memory:":
        return target.set(drivername="sqlite")
    raise ConfigurationError("The database must be PostgreSQL or a file of SQLite.")


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _open_postgres(url: URL, timeout_s: float) -> Engine:
    try:
        return create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            execution_options={"cxrreport_timeout_s": timeout_s},
            json_serializer=to_json,
            connect_args={"connect_timeout": max(1, int(timeout_s)), "application_name": "cxrreport"},
        )
    except ImportError:
        raise ConfigurationError("PostgreSQL needs psycopg: pip install 'cxrreport[postgres]'.") from None


def _wait_for(engine: Engine, timeout_s: float) -> None:
    """Try until the database answers."""
    end = time.monotonic() + timeout_s
    for pause_s in pauses():
        try:
            with engine.connect().execution_options(cxrreport_read_only=True) as connection:
                connection.execute(text("SELECT 1"))
            return
        except SQLAlchemyError as error:
            _give_up(engine, error, end - time.monotonic() - pause_s)
        time.sleep(pause_s)


def pauses() -> Iterator[float]:
    """Pauses between tries, in s, without end: from 0.1 they double to 5."""
    return (min(FIRST_PAUSE_S * 2**tries, LONGEST_PAUSE_S) for tries in itertools.count())


def _give_up(engine: Engine, error: SQLAlchemyError, left_s: float) -> None:
    """Raise where waiting is of no use or the time is over; no text of the driver goes along."""
    if engine.dialect.name == "sqlite" and isinstance(error, DBAPIError):
        raise translate(error, engine.url) from None
    said = str(getattr(error, "orig", error))
    if any(refusal in said for refusal in REFUSALS):
        raise UnavailableError(f"The database refuses this user, password or name ({place(engine.url)}).") from None
    if left_s <= 0:
        why = next((f": {reason}" for reason in REASONS if reason in said), "")
        raise UnavailableError(f"The database does not answer ({place(engine.url)}){why}.") from None


# -- statements and transactions --------------------------------------------------------------------------------------


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """Yield lists of at most `size` items: a statement takes a bounded number of parameters."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


@contextmanager
def session(engine: Engine, read_only: bool = False) -> Iterator[Session]:
    """Yield a session that is one transaction: committed at the end, rolled back on any error.

    With `read_only` nothing is committed and SQLite takes no write lock, so that a long reader stops no writer.

    Raises
    ------
    StorageError : disk full or read-only, file damaged.
    UnavailableError : connection lost, or the database stayed locked.
    """
    options = {"cxrreport_read_only": True, "postgresql_readonly": True} if read_only else {}
    with translated(engine), Session(engine.execution_options(**options), expire_on_commit=False) as current:
        yield current
        if not read_only:
            current.commit()


@contextmanager
def apart(current: Session) -> Iterator[None]:
    """Make the block a part of the transaction that the database may refuse alone: what went before it stays.

    Raises
    ------
    InputError : code "file.refused": the values of the block do not fit the database. A disk that is full or a
        connection that is lost is no such thing: it ends the transaction as ever.
    """
    try:
        with current.begin_nested():
            yield
    except DBAPIError as error:
        if not refuses_values(error):
            raise
        raise _refused() from None
    except (StatementError, ValueError, TypeError, OverflowError):  # what drivers say of values that they cannot send
        raise _refused() from None


def _refused() -> InputError:
    return InputError("The database refuses the values of the file.", "file.refused")


@contextmanager
def open_archive(settings: Settings, make: bool = True, read_only: bool = False) -> Iterator[Engine]:
    """Open the database at the schema of this version. Without `make` nothing is made that is not there.

    read_only : nothing is made or changed; it may lie where nothing can be written.

    Raises
    ------
    ConfigurationError : code "archive.none": there is none, and `make` is false.
    SchemaError, UnavailableError, StorageError
    """
    make = make and not read_only
    if not make:
        must_exist(settings)
    engine = open_database(settings.database_url, settings.home, settings.db_timeout_s, read_only)
    try:
        prepare(engine) if make else check_schema(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def held_archive(settings: Settings) -> Iterator[Engine]:
    """Open the archive and hold it for this process alone.

    Raises
    ------
    LockedError : a run is at work. SchemaError, UnavailableError, StorageError, ConfigurationError : see `open_archive`.
    """
    with open_archive(settings, make=False) as engine, lock(settings.home / "lock", "home"), hold_archive(engine):
        yield engine


def must_exist(settings: Settings) -> None:
    """Refuse a database of SQLite that is not there. Raises ConfigurationError, code "archive.none"."""
    target = _target(settings.database_url, settings.home)
    path = Path(target.database or "")
    if target.get_backend_name() == "sqlite" and not path.exists():
        raise ConfigurationError(
            f"There is no archive ({printable(path)}): `cxrreport index` or `generate` makes one; is --home right?",
            "archive.none",
        )
