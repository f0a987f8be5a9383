"""`cxrreport db`: look at and migrate the database schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cxrreport.settings import Settings


@click.group()
def db() -> None:
    """Look at and migrate the database schema."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def upgrade(settings: Settings, as_json: bool) -> None:
    """Bring the schema to what this version needs, in one transaction. Back up first; there is no way back."""
    _print_revisions(settings, as_json, change=True)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def current(settings: Settings, as_json: bool) -> None:
    """Print the revision of the schema and the one this version needs."""
    _print_revisions(settings, as_json, change=False)


def _print_revisions(settings: Settings, as_json: bool, change: bool) -> None:
    """Open the database at whatever schema it has: the other commands make or demand their own."""
    from cxrreport.cli.options import print_result

    from cxrreport.store import engine as store
    from cxrreport.store.schema import REVISION

    if not change:
        store.must_exist(settings)
    engine = store.open_database(settings.database_url, settings.home, settings.db_timeout_s, read_only=not change)
    try:
        found = {"before": store.current(engine)} if change else {}
        if change:
            store.upgrade(engine)
        print_result({**found, "current": store.current(engine), "head": REVISION}, as_json)
    finally:
        engine.dispose()
