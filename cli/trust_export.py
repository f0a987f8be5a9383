"""`cxrreport trust export`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cxrreport.cli.options import DAY, print_result

if TYPE_CHECKING:
    from cxrreport.settings import Settings

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--pseudonymise", "key", type=_FILE, metavar="KEYFILE", required=True, help="Key of the pseudonyms.")
@click.option("--out", type=_FILE, metavar="FILE", required=True, help="Ends in .csv or .parquet.")
@click.option("--since", type=DAY, help="First day of the studies.")
@click.option("--until", type=DAY, help="Last day of the studies.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def export(
    settings: Settings, key: Path, out: Path, since: datetime | None, until: datetime | None, as_json: bool
) -> None:  # fmt: skip
    """Write judged drafts for a reader study: a row a finding, beside what was signed; only ever under pseudonyms.

    No text, no reader, no institution, no true date. The key gives the pseudonyms that `cxrreport export` gives.
    """
    from cxrreport.export.pseudonym import Pseudonyms, read_key
    from cxrreport.export.research.job import export_research

    names = Pseudonyms(read_key(key, out))
    found = export_research(settings, out, names, since.date() if since else None, until.date() if until else None)
    print_result(found, as_json)
