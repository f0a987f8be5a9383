"""`cxrreport index`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.options import named, print_result, progress, settings_with

from cxrreport.reports.parsing.columns import FIELDS
from cxrreport.reports.readers import FORMATS

if TYPE_CHECKING:
    from cxrreport.settings import Settings


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="auto",
    help="Kind of the report files; auto goes by the content of each.",
)
@click.option(
    "--column",
    "columns",
    callback=named,
    multiple=True,
    metavar="FIELD=NAME",
    help=f"Column of a table that holds one of our fields: {', '.join(FIELDS)}.",
)
@click.option("--preliminary", is_flag=True, default=None, help="Import reports that nobody has signed yet, too.")
@click.option("--any-language", is_flag=True, help="Publish the index even where most reports are not in English.")
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:i.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights directory.")
@click.option("--verify", "action", flag_value="verify", help="Check the serving version: digests, weights, database.")
@click.option("--list", "action", flag_value="list", help="List the versions, the newest first.")
@click.option("--rollback", "action", flag_value="rollback", help="Let the version before the serving one serve again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def index(
    ctx: click.Context, /, paths: tuple[Path, ...], form: str, columns: list[tuple[str, str]],
    any_language: bool, action: str | None, as_json: bool, **flags: Any,
) -> int:  # fmt: skip
    """Import signed reports from PATHS and publish the index.

    PATHS are files and folders of plain text and RTF (named by accession number or study UID), CSV, TSV, JSON Lines, HL7 v2 ORU
    messages, DICOM SR, FHIR DiagnosticReports, Open-i XML and PDF with a text layer, in any mixture. Reports of other
    modalities or parts of the body are skipped.

    Without PATHS the index is rebuilt from the reports that the database already holds.
    """
    settings = settings_with(ctx, columns=dict(columns) or None, **flags)
    if action is not None:
        if paths:
            raise click.UsageError(f"--{action} takes no PATHS.")
        _ACTIONS[action](settings, as_json)
        return 0
    from cxrreport.pipeline.index import index as build  # torch: the actions do without

    with progress() as tell:
        counts, exit_code = build(settings, paths, form, tell, any_language=any_language)
    print_result(counts, as_json)
    return exit_code


def _verify(settings: Settings, as_json: bool) -> None:
    from cxrreport.pipeline.serving import verify_index

    _print_version(verify_index(settings), as_json)


def _print_version(facts: dict[str, Any], as_json: bool) -> None:
    """The JSON document has sizes and digests of the spaces, the lines only how many reports each holds."""
    counts = {name: space["count"] for name, space in facts["spaces"].items()}
    print_result(facts if as_json else {**facts, "spaces": counts}, as_json)


def _list(settings: Settings, as_json: bool) -> None:
    from cxrreport.cli.status import print_table

    from cxrreport.pipeline.serving import list_indexes

    found = list_indexes(settings)
    if as_json:
        click.echo(json.dumps(found))
    else:
        columns = ["version", "reports", "with films", "weights", "serving"]
        print_table("Versions of the index", columns, [_version_row(one) for one in found])


def _version_row(found: dict[str, Any]) -> list[Any]:
    if "damaged" in found:
        return [found["version"], "", "", "", "damaged"]
    films, serving = found["spaces"].get("image", {}).get("count", 0), "yes" if found["serving"] else ""
    return [found["version"], found["count"], films, found["model_sha256"][:12], serving]


def _rollback(settings: Settings, as_json: bool) -> None:
    from cxrreport.pipeline.serving import roll_back_index

    _print_version(roll_back_index(settings), as_json)


_ACTIONS = {"verify": _verify, "list": _list, "rollback": _rollback}
