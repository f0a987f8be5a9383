"""A consistent copy of the SQLite database while it is open."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from cxrreport.errors import StorageError
from cxrreport.store.faults import DAMAGED

_PAGES = 10_000  # copied at a time


def copy_sqlite(engine: Engine, target: Path) -> None:
    """Copy the database with SQLite's backup API into an empty file, and check the copy.

    Raises
    ------
    StorageError : the database is damaged, or one of the two cannot be read or written.
    """
    try:
        with closing(engine.raw_connection()) as source, closing(sqlite3.connect(target)) as copy:
            driver = source.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.backup(copy, pages=_PAGES)
            if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise StorageError(f"{DAMAGED}.")
    except sqlite3.Error as error:
        raise StorageError(f"The database cannot be copied ({error.sqlite_errorname}).") from None
