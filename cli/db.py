"""`cxrreport db`: look at and migrate the database schema."""

from __future__ import annotations

import json
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

    engine = open_engine(settings)
    before = store.current(engine)
    store.upgrade(engine)
    _print_revisions({"before": before, "current": store.current(engine), "head": store.head()}, as_json)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def current(settings: Settings, as_json: bool) -> None:
    """Print the revision of the schema and the one this version needs."""
    from cxrreport.store import engine as store

    engine = open_engine(settings)
    _print_revisions({"current": store.current(engine), "head": store.head()}, as_json)


def open_engine(settings: Settings) -> Engine:
    """Open the database of `settings` without touching its schema."""
    from cxrreport.store import engine as store

    url = settings.db.get_secret_value() if settings.db else None
    return store.open_database(url, settings.home, settings.db_timeout_s)


def _print_revisions(revisions: dict[str, str | None], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(revisions))
        return
    for name, revision in revisions.items():
        click.echo(f"{name:8}{revision or 'none'}")
