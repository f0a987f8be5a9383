"""A transaction is done again where the database was lost, for as long as the settings say and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cxrreport.errors import StorageError, UnavailableError
from cxrreport.store import engine as store
from cxrreport.store.retry import transact
from cxrreport.store.schema import PatientRow


@pytest.fixture
def postgres(new_postgres: Callable[[str], str], postgres_template: str, tmp_path: Path) -> Iterator[Engine]:
    engine = store.open_database(new_postgres(postgres_template), tmp_path, 10)
    yield engine
    engine.dispose()


def add_patient(session: Session) -> int:
    session.add(PatientRow(issuer="", mrn="1", sex=""))
    session.flush()
    return session.query(PatientRow).count()


def lose(session: Session) -> None:
    """Let the server end the connection of the session."""
    with store.session(session.get_bind(), read_only=True) as killer:  # type: ignore[arg-type]
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


def test_what_a_lost_connection_took_along_is_done_again_once(postgres: Engine) -> None:
    pauses: list[float] = []

    def work(session: Session) -> int:
        found = add_patient(session)
        if len(pauses) < 2:
            lose(session)
        return found

    assert transact(postgres, work, pause=pauses.append) == 1
    assert pauses == [0.1, 0.2]
    assert transact(postgres, lambda s: s.query(PatientRow).count(), read_only=True) == 1


def test_after_the_timeout_the_database_is_unavailable(postgres: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pauses = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    with pytest.raises(UnavailableError):
        transact(postgres, Mock(side_effect=UnavailableError("gone")), pause=pause)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2] and sum(pauses) <= 10


def test_what_waiting_does_not_mend_is_raised_at_once(postgres: Engine) -> None:
    for error in (StorageError("full"), UnavailableError("no such GPU", "device.missing")):
        work, pause = Mock(side_effect=error), Mock()
        with pytest.raises(type(error)):
            transact(postgres, work, pause=pause)
        assert (work.call_count, pause.call_count) == (1, 0)


def test_whoever_stops_the_run_does_not_wait(postgres: Engine) -> None:
    with pytest.raises(KeyboardInterrupt):
        transact(postgres, Mock(side_effect=UnavailableError("gone")), pause=Mock(side_effect=KeyboardInterrupt))


def test_sqlite_has_waited_already(tmp_path: Path) -> None:
    engine, work = store.open_database(None, tmp_path, 10), Mock(side_effect=UnavailableError("locked"))
    with pytest.raises(UnavailableError):
        transact(engine, work)
    assert work.call_count == 1
