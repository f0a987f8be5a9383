"""`cxrreport trust report`: how far drafts agree with what was signed, printed or as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.options import DAY, number

if TYPE_CHECKING:
    from cxrreport.settings import Settings

# As in trust/report.py, which a command line need not import; a test holds both together.
BY = ("finding", "month", "device", "view", "sex", "age", "institution", "reader")
_COUNTS = ["studies", "in shadow", "abstained", "errors a study", "critical", "urgent", "notable", "words changed"]
_COLUMNS = ["both", "draft alone", "report alone", "precision", "sensitivity", "specificity", "F1"]


@click.command()
@click.option("--since", type=DAY, help="First day of the studies.")
@click.option("--until", type=DAY, help="Last day of the studies.")
@click.option("--by", type=click.Choice(BY), default="finding", help="What to group by.")
@click.option(
    "--html",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help="Write trust.html and the pages of the drafts to look at first to this directory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def report(
    settings: Settings, since: datetime | None, until: datetime | None, by: str, directory: Path | None, as_json: bool
) -> None:
    """How far the judged drafts of the weights in use agree with what was signed; 95 % intervals in brackets.

    Groups of less than 20 studies are told together, and readers only where there are three with 20 studies each.
    """
    from cxrreport.trust.report import report as make

    found = make(settings, since.date() if since else None, until.date() if until else None, by)
    if directory:
        _write(settings, directory, found)
    if as_json:
        click.echo(json.dumps(found))
    elif directory:
        click.echo(f"{number(found['studies'], 'study was', 'studies were')} judged: trust.html tells how.")
    else:
        _print(found)


def _write(settings: Settings, directory: Path, found: Mapping[str, Any]) -> None:
    from cxrreport.export.html.trust import write_report
    from cxrreport.trust.disagreements import disagreements

    write_report(settings, directory, found, disagreements(settings, found["worst"]))


def _print(found: Mapping[str, Any]) -> None:
    from cxrreport.cli.status import print_table

    click.echo(f"{number(found['studies'], 'study was', 'studies were')} judged.")
    indexes = number(found["indexes"], "version", "versions")
    made = ", ".join(f"{(one['sha256'] or 'none')[:12]} ({one['studies']})" for one in found["calibrations"])
    click.echo(f"Weights {found['weights_sha256'][:12]}; calibration {made or 'none'}; index: {indexes}.")
    print_table("Groups", [found["by"], *_COUNTS], map(_group, found["groups"]))
    for row in found["groups"]:
        _print_group(row)
    columns = ["draft", "study", "errors", "words changed", "of"]
    print_table("The drafts to look at first", columns, map(_worst, found["worst"]))
    print_table(
        "Why drafts were rejected, the newest first", ["draft", "study", "why"], map(_rejected, found["rejected"])
    )


def _print_group(row: Mapping[str, Any]) -> None:
    from cxrreport.cli.status import escaped, print_table

    name = escaped(row["group"])
    print_table(f"Findings, {name}", ["finding", *_COLUMNS], _lines(row["findings"]))
    if row["changes"]:
        print_table(f"Changes, {name}", ["finding", *_COLUMNS], _lines(row["changes"]))
    if row["words"]:
        columns = ["finding", "told by both", "side", "severity", "change", "certainty"]
        print_table(f"Told alike, {name}", columns, map(_words, row["words"].items()))


def _group(row: Mapping[str, Any]) -> list[Any]:
    counts = [row["studies"], row["shadow"], sum(row["abstained"].values())]
    return [row["group"], *counts, _value(row["errors"]), *row["tiers"].values(), _value(row["edits"])]


def _lines(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[list[Any]]:
    for finding, row in rows.items():
        values = [_value(row[name]) for name in ("precision", "sensitivity", "specificity", "f1")]
        yield [finding, row["both"], row["drafted"], row["signed"], *values]


def _words(item: tuple[str, Mapping[str, Any]]) -> list[Any]:
    finding, row = item
    return [finding, row["beside"], *(_value(row[name]) for name in ("side", "severity", "change", "certainty"))]


def _value(one: Mapping[str, float] | None) -> str:
    return "" if one is None else f"{one['value']:.2f} ({one['low']:.2f}–{one['high']:.2f})"


def _worst(row: Mapping[str, Any]) -> list[Any]:
    acted = [one for one in row["findings"] if one["tier"] != "routine" and one["verdict"] != "partial"]
    told = ", ".join(f"{one['name'] or one['finding']} {one['verdict']}" for one in acted)
    return [row["draft"], row["study"], row["errors"], f"{row['edits']:.2f}", told]


def _rejected(row: Mapping[str, Any]) -> list[Any]:
    return [row["draft"], row["study"], row["why"]]
