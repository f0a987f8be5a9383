"""`cxrreport db`: look at and migrate the database schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from cxrreport.settings import Settings


@click.group()
def db() -> None:
    """Look at and migrate the database schema."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def upgrade(settings: Settings, as_json: bool) -> None:
    """Bring the schema to what this version needs, in one transaction. Back up first; there is no way back."""
    from cxrreport.store import engine as store

    with _open_unprepared(settings) as engine:
        before = store.current(engine)
        store.upgrade(engine)
        _print_revisions({"before": before, "current": store.current(engine), "head": store.head()}, as_json)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def current(settings: Settings, as_json: bool) -> None:
    """Print the revision of the schema and the one this version needs."""
    from cxrreport.store import engine as store

    with _open_unprepared(settings) as engine:
        _print_revisions({"current": store.current(engine), "head": store.head()}, as_json)


@contextmanager
def _open_unprepared(settings: Settings) -> Iterator[Engine]:
    """Open the database at whatever schema it has: the other commands (`run.open_archive`) make or demand their own."""
    from cxrreport.store import engine as store

    engine = store.open_database(settings.database_url, settings.home, settings.db_timeout_s)
    try:
        yield engine
    finally:
        engine.dispose()


def _print_revisions(revisions: dict[str, str | None], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(revisions))
        return
    for name, revision in revisions.items():
        click.echo(f"{name:8}{revision or 'none'}")
