"""A database with the schema and without a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cxrreport.store import engine as store


@pytest.fixture
def engine(tmp_path: Path, sqlite_template: bytes) -> Iterator[Engine]:
    """An open SQLite database."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cxrreport.db").write_bytes(sqlite_template)
    opened = store.open_database(None, tmp_path / "home", 10)
    yield opened
    opened.dispose()
