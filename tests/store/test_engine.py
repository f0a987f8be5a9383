"""Opening, transactions and errors: private files, no password and no value of a row in any text."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from builders.store import scan
from sqlalchemy import Engine, create_engine, make_url, text

from cxrreport.errors import CxrReportError, RightsError, StorageError, UnavailableError
from cxrreport.store import engine as store
from cxrreport.store.schema import PatientRow

PASSWORD = "hunter2-hospital"


def whole_text(error: BaseException) -> str:
    """What a log or a terminal would show at most."""
    return "".join(traceback.format_exception(error)) + repr(error)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    yield
    os.umask(before)


def test_the_embedded_database_is_private_and_safe(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    with umask(0):
        engine = store.open_database(None, home, 1.5)
        store.prepare(engine)
    with store.session(engine) as session:
        pragmas = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        session.execute(text("UPDATE alembic_version SET version_num = version_num"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 1500}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert modes["cxrreport.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "cxrreport.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="damaged"):
        store.open_database(None, tmp_path, 1)


def test_a_server_that_comes_late_is_waited_for(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    folder = tmp_path / "socket"
    late = make_url(server).set(query={"host": str(folder)}).render_as_string(hide_password=False)
    link = str(make_url(server).query["host"])

    def arrive(pause_s: float) -> None:
        calls.append(pause_s)
        if len(calls) == 2:
            folder.symlink_to(link)

    monkeypatch.setattr(time, "sleep", arrive)
    store.open_database(late, tmp_path, 30).dispose()
    assert calls == [0.1, 0.2]


@pytest.fixture
def guarded(new_postgres: Callable[[], str]) -> str:
    """A database and a role that needs its password."""
    url = make_url(new_postgres())
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP ROLE IF EXISTS hospital"))
        connection.execute(text("CREATE ROLE hospital LOGIN PASSWORD 'right'"))
        hba = Path(str(connection.scalar(text("SHOW hba_file"))))
        hba.write_text("local all hospital scram-sha-256\n" + hba.read_text())
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()
    return url.set(username="hospital", password=PASSWORD).render_as_string(hide_password=False)


def test_a_wrong_password_is_refused_at_once_and_never_shown(tmp_path: Path, guarded: str) -> None:
    begin = time.monotonic()
    with pytest.raises(UnavailableError, match="refuses") as caught:
        store.open_database(guarded, tmp_path, 20)
    assert time.monotonic() - begin < 10
    assert PASSWORD not in whole_text(caught.value)
    right = store.open_database(guarded.replace(PASSWORD, "right"), tmp_path, 20)
    assert "right" not in repr(right)
    right.dispose()


def test_a_session_is_one_transaction(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), store.session(engine) as session:
        session.add(PatientRow(issuer="", mrn="1", sex=""))
        session.flush()
        raise ZeroDivisionError
    with store.session(engine, read_only=True) as session:
        assert session.query(PatientRow).count() == 0


def test_a_refused_row_is_told_without_its_values(engine: Engine) -> None:
    with pytest.raises(CxrReportError) as caught:
        for _ in range(2):
            with store.session(engine) as session:
                session.add(PatientRow(issuer="", mrn="MRN-0815", sex="F"))
    assert "0815" not in whole_text(caught.value)
    assert caught.value.exit_code == 70


def test_a_long_reader_stops_no_writer(engine: Engine) -> None:
    with store.session(engine, read_only=True) as reader:
        before = reader.query(PatientRow).count()
        scan(engine, "1")
    assert before == 0


@pytest.mark.parametrize("held_s", [0.2, 2])
def test_a_lock_of_another_process_is_waited_for_as_long_as_the_settings_say(tmp_path: Path, held_s: float) -> None:
    engine = store.open_database(None, tmp_path, 1)
    store.prepare(engine)
    other = sqlite3.connect(tmp_path / "cxrreport.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(held_s, other.execute, ["ROLLBACK"])
    timer.start()
    with (
        pytest.raises(UnavailableError, match="locked") if held_s > 1 else nullcontext(),
        store.session(engine) as session,
    ):
        session.add(PatientRow(issuer="", mrn="1", sex=""))
    timer.join()
    other.close()


def test_a_full_disk_is_an_error_of_storage_and_keeps_what_was_there(tmp_path: Path) -> None:
    engine = store.open_database(None, tmp_path, 5)
    store.prepare(engine)
    with store.session(engine) as session:
        session.add(PatientRow(issuer="", mrn="1", sex=""))
    with pytest.raises(StorageError, match="full"), store.session(engine) as session:
        session.execute(text(f"PRAGMA max_page_count = {session.scalar(text('PRAGMA page_count'))}"))
        session.add_all([PatientRow(issuer="", mrn=f"{number}" * 4000, sex="") for number in range(2, 9)])
    engine.dispose()
    with store.session(engine, read_only=True) as session:
        assert session.query(PatientRow).count() == 1
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_a_read_only_database_is_an_error_of_storage(engine: Engine, backend: str) -> None:
    switch = "PRAGMA query_only = ON" if backend == "sqlite" else "SET TRANSACTION READ ONLY"
    with pytest.raises(StorageError, match="read-only"), store.session(engine) as session:
        session.execute(text(switch))
        session.add(PatientRow(issuer="", mrn="1", sex=""))
    engine.dispose()


def test_a_lost_connection_is_unavailable_and_the_next_session_works(
    new_postgres: Callable[[str], str], postgres_template: str, tmp_path: Path
) -> None:
    engine = store.open_database(new_postgres(postgres_template), tmp_path, 10)
    with pytest.raises(UnavailableError, match="lost"), store.session(engine) as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        with engine.connect() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        session.add(PatientRow(issuer="", mrn="1", sex=""))
    with store.session(engine) as session:
        assert session.query(PatientRow).count() == 0
    engine.dispose()


def test_a_database_that_is_down_is_named_with_the_reason_and_no_password(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        store.open_database(f"postgresql://cxr:{PASSWORD}@127.0.0.1:1/archive", tmp_path, 0.2)
    assert "archive on 127.0.0.1" in caught.value.message and "Connection refused" in caught.value.message
    assert PASSWORD not in whole_text(caught.value)


def test_a_role_without_rights_is_told_what_to_grant(
    new_postgres: Callable[..., str], postgres_template: str, tmp_path: Path
) -> None:
    url = new_postgres(postgres_template)
    owner = store.open_database(url, tmp_path, 10)
    name = f"weak_{os.getpid()}"
    with owner.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
    weak = store.open_database(make_url(url).set(username=name).render_as_string(hide_password=False), tmp_path, 10)
    with pytest.raises(RightsError, match="GRANT SELECT") as caught, store.session(weak) as session:
        session.query(PatientRow).count()
    assert caught.value.exit_code == 78
    weak.dispose()
    with owner.begin() as connection:
        connection.execute(text(f"DROP ROLE {name}"))
    owner.dispose()
