"""`cxrreport deliveries`: what was sent, where, when, and what the answer was."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click
from cxrreport.cli.status import print_table

if TYPE_CHECKING:
    from cxrreport.settings import Settings
    from cxrreport.store.deliveries import Delivery


@click.command()
@click.option("--study", metavar="STUDY", help="Only drafts of this study.")
@click.option("--waiting", is_flag=True, help="Only what no target has taken yet.")
@click.option("--limit", type=click.IntRange(min=1), default=100, help="How many, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def deliveries(settings: Settings, study: str | None, waiting: bool, limit: int, as_json: bool) -> None:
    """List the objects that `export --send` has sent or tried to send: where, when last, how often, and the answer."""
    from cxrreport.store.deliveries import list_deliveries
    from cxrreport.store.engine import open_archive, session

    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        found, total = list_deliveries(s, study, waiting, limit)
    if as_json:
        rows = [asdict(one) for one in found]
        click.echo(json.dumps({"deliveries": rows, "total": total}, default=datetime.isoformat))
        return
    columns = ["study", "target", "object", "last try (UTC)", "tries", "answer", "taken"]
    print_table(f"Deliveries, {len(found)} of {total}", columns, map(_row, found))


def _row(one: Delivery) -> list[object]:
    told = [f"{one.sent_at:%Y-%m-%d %H:%M}", one.attempts, one.answer, "yes" if one.delivered else "no"]
    return [one.accession or one.study_id, one.target, one.object, *told]
