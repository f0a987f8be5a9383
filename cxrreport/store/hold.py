"""The archive, held for one run or for one call that sends: by a lock, and by the run's row should the lock get lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.orm import Session

from cxrreport.errors import LockedError, UnavailableError
from cxrreport.files import lock
from cxrreport.store.faults import translated
from cxrreport.store.schema import RunRow

ARCHIVE_LOCK = 0x6378725F61726368  # "cxr_arch": key of the advisory lock
SENDING_LOCK = 0x6378725F73656E64  # "cxr_send"
Check = Callable[[], None]


@contextmanager
def hold_archive(engine: Engine) -> Iterator[Check]:
    """Hold the archive for this run alone, whatever its home, until the block or the process ends.

    PostgreSQL: an advisory lock on a connection of its own. SQLite: a lock of the kernel on `<database>.lock`.
    Yields what `check_run` asks before each transaction.

    Raises
    ------
    LockedError : another run holds it. StorageError : the lock file of SQLite cannot be made or locked.
    """
    with _hold(engine, ARCHIVE_LOCK, ".lock", "Another run holds the archive") as check:
        yield check


@contextmanager
def hold_sending(engine: Engine) -> Iterator[Check]:
    """Be the only one who sends from this archive, until the block or the process ends; runs go on meanwhile.

    Yields what makes sure of it before each object. Raises what `hold_archive` raises.
    """
    with _hold(engine, SENDING_LOCK, ".send.lock", "Another call sends from this archive") as check:
        yield check


@contextmanager
def _hold(engine: Engine, key: int, ending: str, held: str) -> Iterator[Check]:
    if engine.dialect.name == "postgresql":
        server = _ServerLock(engine, key, held)
        try:
            server.take()
            yield server.check
        finally:
            server.release()
    else:
        with lock(Path(os.path.realpath(engine.url.database or "") + ending), "lock file of the database", held):
            yield _keep


def check_run(session: Session, run_id: int) -> None:
    """Make sure that no later run has closed this one, and let none close it until the transaction ends.

    A lock of PostgreSQL dies with its server process, unnoticed: whoever gets it then closes the runs before it
    (`runs.begin_run`) in a row that this transaction holds. So no two runs ever write at once.

    Raises
    ------
    LockedError : another run has taken the archive over.
    """
    own = select(RunRow.id).where(RunRow.id == run_id, RunRow.ended_at.is_(None))
    if session.scalar(own.with_for_update(read=True)) is None:
        raise LockedError("Another run has taken the archive over.")


def _keep() -> None:
    """The kernel keeps a lock for as long as its process lives."""


class _ServerLock:
    """The advisory lock of PostgreSQL, which a restart of the server frees."""

    def __init__(self, engine: Engine, key: int, held: str) -> None:
        self._key, self._held = key, held
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connection: Connection | None = None

    def take(self) -> None:
        """Take the lock. Raises LockedError, UnavailableError."""
        with translated(self._engine):
            self._connection = self._engine.connect()
            got = self._connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key})
        if not got:
            raise LockedError(f"{self._held}.")

    def check(self) -> None:
        """Take the lock back if it is lost. Raises LockedError, UnavailableError."""
        if not self._holds():
            self.release()
            self.take()

    def _holds(self) -> bool:
        """Ask the server: a connection that was lost may have been replaced by one without the lock, unnoticed."""
        if self._connection is None:
            return False
        own = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        try:
            with translated(self._engine):
                return bool(self._connection.scalar(own))
        except UnavailableError:
            return False

    def release(self) -> None:
        """End the server's session and with it the lock, even after a lost connection."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
