"""`cxrreport prune` and `cxrreport backup`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cxrreport.cli.options import print_result, settings_with

if TYPE_CHECKING:
    from cxrreport.settings import Settings


@click.command()
@click.option("--retention-days", type=click.IntRange(min=1), help="Keep what is younger than this many days.")
@click.option("--dry-run", is_flag=True, help="Count what would go; remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def prune(ctx: click.Context, retention_days: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove superseded drafts, runs and versions of the index that are older than the setting `retention_days`.

    Drafts that stand or were judged stay, with their runs, and so do the latest run, the serving version and the audit.
    """
    from cxrreport.pipeline.prune import prune as remove

    print_result(remove(settings_with(ctx, retention_days=retention_days), dry_run), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def backup(settings: Settings, file: Path, as_json: bool) -> None:
    """Write all state of the home to the tar FILE: database, index, manifests, calibration.

    It is written whole or not at all, and only while no run is at work (exit code 75 otherwise). To restore, unpack it
    into an empty home. A database of PostgreSQL is not in it: dump that with pg_dump.
    """
    from cxrreport.files import printable
    from cxrreport.pipeline.backup import backup as write

    facts = write(settings, file)
    if as_json:
        click.echo(json.dumps(facts))
        return
    click.echo(f"Written: {printable(file)}, of cxrreport {facts['version']}, schema {facts['schema']}.")
    if not facts["database_included"]:
        click.echo("The database is not in it: dump it with pg_dump, before anything else runs.")
