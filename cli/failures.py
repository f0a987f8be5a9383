"""`cxrreport failures` and `cxrreport release`: which files and studies failed, and another try for one of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click
from cxrreport.cli.status import print_table

from cxrreport.files import printable

if TYPE_CHECKING:
    from cxrreport.settings import Settings
    from cxrreport.store.failures import FailureListed


@click.command()
@click.option(
    "--code", metavar="CODE", help="Only those of this code, or of a family of codes (pixels, header, report)."
)
@click.option("--limit", type=click.IntRange(min=1), default=100, help="How many, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def failures(settings: Settings, code: str | None, limit: int, as_json: bool) -> None:
    """List the files and studies that could not be used: why, when last, how often, and what to do.

    It prints paths of the export, which may name patients; the log holds none.
    """
    from cxrreport.codes import CODES
    from cxrreport.store.engine import open_archive, session
    from cxrreport.store.failures import list_failures

    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        found, total = list_failures(s, code, limit)
    if as_json:
        click.echo(json.dumps({"failures": [asdict(one) for one in found], "total": total}, default=datetime.isoformat))
        return
    if not found:
        click.echo("Nothing has failed." if code is None else "Nothing has failed with this code.")
        return
    columns = ["run", "at (UTC)", "code", "file or study", "tries", "why"]
    print_table(f"Failures, {len(found)} of {total}", columns, [_row(one) for one in found])
    for known in sorted({one.code for one in found} & CODES.keys()):
        click.echo(f"{known}: {CODES[known].mend}")


def _row(found: FailureListed) -> list[object]:
    subject = found.path or f"study {found.accession or found.study_uid}"
    tries = f"{found.attempts}, quarantined" if found.quarantined else found.attempts
    return [found.run, f"{found.at:%Y-%m-%d %H:%M}", found.code, subject, tries, found.message]


@click.command()
@click.argument("study")
@click.pass_obj
def release(settings: Settings, study: str) -> None:
    """Forget the failed attempts at STUDY, so that the next run tries it again.

    STUDY is a StudyInstanceUID, an accession number or a database id. After three attempts a study is in quarantine, and
    no run tries it.
    """
    from cxrreport.pipeline.upkeep import release as release_study

    quarantined = release_study(settings, study)
    click.echo(
        f"{printable(study)} is out of quarantine; the next `cxrreport generate` tries it again."
        if quarantined
        else f"{printable(study)} was not in quarantine; its failures are forgotten."
    )
