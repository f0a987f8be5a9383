"""`cxrreport forget`: erase a patient."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.options import number

from cxrreport.errors import UsageError
from cxrreport.files import printable

if TYPE_CHECKING:
    from cxrreport.settings import Settings


@click.command()
@click.argument("patient")
@click.option("--issuer", help="Issuer of the number, where several use it.")
@click.option("--dry-run", is_flag=True, help="Count what there is; erase nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; needs --yes or --dry-run.")
@click.pass_obj
def forget(settings: Settings, patient: str, issuer: str | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase all that the archive holds of the PATIENT with this number. There is no way back.

    Database and index are cleared: studies, images, reports, drafts, what other drafts refer to of the patient's
    reports, failures. The audit says that a patient was erased, and not who. The files of the export are listed and not
    touched, and so are the names of the files that held the reports: take the patient out of them first, or the next
    `generate` and `index` read them again. Files that `export` has written are named after the studies listed, and go
    with the next export of all drafts to their folder. Copies of them, what was sent to other systems, backups, and
    weights and caches of a training on this archive, are yours to see to.
    """
    from cxrreport.pipeline.forget import forget as erase

    if not (dry_run or yes) and (as_json or not sys.stdin.isatty()):
        raise UsageError("Nobody can be asked here: pass --yes to erase, or --dry-run to count.")
    if not dry_run and not yes:
        _print(erase(settings, patient, issuer, dry_run=True), "Held")
        click.confirm("Erase all of it?", abort=True)
    found = erase(settings, patient, issuer, dry_run)
    if as_json:
        click.echo(json.dumps({**found, "erased": not dry_run}))
    else:
        _print(found, "Held" if dry_run else "Erased")


def _print(found: dict[str, Any], verb: str) -> None:
    rows = ", ".join(f"{table} {count}" for table, count in found["rows"].items())
    click.echo(f"{verb}: {rows}; in {number(found['index_versions'], 'version', 'versions')} of the index.")
    _list("Still in the export, for you to remove:", found["files"])
    _list("Drafts of these studies may lie in exports, under these numbers:", found["exported_studies"])
    _list("Drafts, or parts of them, were sent to:", found["sent_to"])
    _list("Held the reports; where they still do, the next `index` reads them again:", found["report_files"])


def _list(heading: str, paths: Sequence[str | int]) -> None:
    for line in [heading, *(f"  {printable(path)}" for path in paths)] if paths else []:
        click.echo(line)
