"""Transactions that outlast a database which restarts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cxrreport.errors import UnavailableError
from cxrreport.log import get_log
from cxrreport.store.engine import pauses, session

Result = TypeVar("Result")


def transact(
    engine: Engine,
    work: Callable[[Session], Result],
    *,
    read_only: bool = False,
    patience_s: float | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> Result:
    """Do `work` in one transaction and return what it returns; where the database is lost, all of it again.

    It is tried for `patience_s`, by default as long as `open_database` was told, from the first failure on. A COMMIT whose
    answer is lost may have been done: `work` must be able to find its own traces. SQLite waits for locks itself.

    pause : sleeps; may raise to end the waiting.

    Raises
    ------
    StorageError, UnavailableError : as `session`.
    """
    end = None
    for pause_s in pauses():
        try:
            with session(engine, read_only) as current:
                return work(current)
        except UnavailableError as error:
            end = end or time.monotonic() + (_patience_s(engine) if patience_s is None else patience_s)
            if error.code != UnavailableError.code or time.monotonic() + pause_s > end:
                raise
            get_log().warning("database.lost", seconds=pause_s)
        pause(pause_s)
    raise AssertionError("pauses never end")


def _patience_s(engine: Engine) -> float:
    waits_itself = engine.dialect.name == "sqlite"
    return 0.0 if waits_itself else float(engine.get_execution_options().get("cxrreport_timeout_s", 0))
