"""Every test of the store runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cxrreport.store import engine as store


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
