"""The archive is held by one run alone, and one that has lost it finds out before it writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builders.store import begin_run
from sqlalchemy import Engine, text

from cxrreport.errors import LockedError, StorageError
from cxrreport.store import engine as store
from cxrreport.store.hold import check_run


def test_one_run_holds_a_sqlite_file_whatever_its_home(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    urls = [f"sqlite:///{tmp_path / folder / 'a.db'}" for folder in ("data", "link")]
    first, second = (store.open_database(url, tmp_path / name, 1) for name, url in zip("xy", urls))
    with store.hold_archive(first):
        with pytest.raises(LockedError), store.hold_archive(second):
            pass
        with store.session(second) as session:
            session.execute(text("SELECT 1"))
    with pytest.raises(RuntimeError, match="mine"), store.hold_archive(second):
        raise RuntimeError("mine")
    with store.hold_archive(first):
        pass


def test_a_folder_that_takes_no_lock_file_is_a_storage_error(tmp_path: Path) -> None:
    engine = store.open_database(None, tmp_path, 1)
    (tmp_path / "cxrreport.db.lock").mkdir()
    with pytest.raises(StorageError, match=r"cxrreport\.db\.lock"), store.hold_archive(engine):
        pass


def kill_the_holder(engine: Engine) -> None:
    with store.session(engine) as session:
        session.execute(text("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"))


@pytest.fixture
def postgres(new_postgres: Callable[[str], str], postgres_template: str, tmp_path: Path) -> Engine:
    return store.open_database(new_postgres(postgres_template), tmp_path, 10)


def test_a_lost_lock_is_taken_back_where_it_is_free(postgres: Engine) -> None:
    with store.hold_archive(postgres) as check:
        check()
        kill_the_holder(postgres)
        check()
        with pytest.raises(LockedError), store.hold_archive(postgres):
            pass
    with store.hold_archive(postgres):
        pass
    postgres.dispose()


def test_a_connection_without_the_lock_is_noticed(postgres: Engine) -> None:
    """Behind a pooler of connections, or after one was replaced, the server answers and the lock is gone all the same."""
    with store.hold_archive(postgres) as check:
        with store.session(postgres) as session:
            ((pid,),) = session.execute(text("SELECT pid FROM pg_locks WHERE locktype = 'advisory'"))
        check.__self__._connection.execute(text("SELECT pg_advisory_unlock_all()"))  # type: ignore[attr-defined]
        check()
        with store.session(postgres) as session:
            ((other,),) = session.execute(text("SELECT pid FROM pg_locks WHERE locktype = 'advisory'"))
    assert other != pid
    postgres.dispose()


def test_a_lost_lock_that_another_run_has_is_not_taken_back(postgres: Engine) -> None:
    with store.hold_archive(postgres) as check:
        kill_the_holder(postgres)
        with store.hold_archive(postgres), pytest.raises(LockedError):
            check()
    postgres.dispose()


def test_a_run_that_a_later_one_has_closed_writes_nothing_more(engine: Engine) -> None:
    first = begin_run(engine)
    with store.session(engine) as session:
        check_run(session, first)
    second = begin_run(engine)
    with store.session(engine) as session:
        check_run(session, second)
        with pytest.raises(LockedError):
            check_run(session, first)


def test_a_run_is_not_closed_within_its_transaction(postgres: Engine) -> None:
    first = begin_run(postgres)
    with store.session(postgres) as session:
        check_run(session, first)
        with pytest.raises(Exception, match="locked"), store.session(postgres) as other:
            other.execute(text("SET LOCAL lock_timeout = '50ms'"))
            other.execute(text("UPDATE run SET ended_at = now() WHERE ended_at IS NULL"))
    postgres.dispose()
