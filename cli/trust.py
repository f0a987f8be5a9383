"""`cxrreport trust`: drafts beside what was signed, and the gates that follow from it."""

from __future__ import annotations

import getpass
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cxrreport.settings import Settings

_DAY = click.DateTime(["%Y-%m-%d"])
_BY = ["finding", "month", "device", "view", "sex", "age", "institution", "reader"]


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def trust(ctx: click.Context, as_json: bool) -> None:
    """Judge drafts beside what was signed of their studies, then open and close gates by the rule.

    Each draft that stands, in shadow too, is compared with the signed report of its study, claim by claim; where there is
    none, with what its reader wrote. What was judged before is judged again only where something has changed.
    """
    if ctx.invoked_subcommand:
        return
    from cxrreport.cli.options import print_result, progress

    from cxrreport.trust.prove import prove_archive

    with progress() as tell:
        found = prove_archive(ctx.obj, datetime.now(), tell)
    if as_json:
        print_result(found, as_json)
        return
    click.echo(f"{found['judged']} drafts were judged.")
    for name in ("opened", "closed"):
        for gate in found[name]:
            click.echo(f"{name}: {gate['finding']}, {gate['subject']}: {gate['reason']}.")


@trust.command()
@click.option("--since", type=_DAY, help="First day of the studies.")
@click.option("--until", type=_DAY, help="Last day of the studies.")
@click.option("--by", type=click.Choice(_BY), default="finding", help="What to group by.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def report(settings: Settings, since: datetime | None, until: datetime | None, by: str, as_json: bool) -> None:
    """How far the judged drafts of the weights in use agree with what was signed."""
    from cxrreport.trust.report import report as make

    found = make(settings, since.date() if since else None, until.date() if until else None, by)
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    from cxrreport.cli.status import print_table

    click.echo(f"{found['studies']} studies were judged.")
    for row in found["groups"]:
        title = f"{row['group'] or 'all'}: {row['studies']} studies, {row['errors']} actionable errors a study"
        columns = ["finding", "both", "draft alone", "report alone", "precision", "sensitivity", "specificity", "F1"]
        print_table(title, columns, [_line(name, cells) for name, cells in row["findings"].items()])
        if row["changes"]:
            print_table("changes", columns, [_line(name, cells) for name, cells in row["changes"].items()])


def _line(name: str, cells: dict[str, Any]) -> list[Any]:
    shares = [_share(cells[one]) for one in ("precision", "sensitivity", "specificity")]
    return [
        name,
        cells["both"],
        cells["drafted"],
        cells["signed"],
        *shares,
        "" if cells["f1"] is None else f"{cells['f1']:.2f}",
    ]


def _share(one: dict[str, float] | None) -> str:
    return "" if one is None else f"{one['share']:.2f} ({one['low']:.2f}–{one['high']:.2f})"


@trust.command()
@click.option(
    "--set",
    "change",
    nargs=3,
    metavar="FINDING SUBJECT TO",
    help="Hold the state or change of a finding open or closed, or give it back to the rule.",
)
@click.option("--reason", help="Why, for the audit; goes with --set.")
@click.option("--by", metavar="NAME", help="Who; by default the user of the system.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def gates(
    settings: Settings, change: tuple[str, str, str] | None, reason: str | None, by: str | None, as_json: bool
) -> None:
    """List the gates, or hold one: whether drafts that readers see may tell a finding, and that it has changed."""
    from cxrreport.trust.prove import list_gates, set_gate

    if change:
        finding, subject, to = change
        if subject not in ("state", "change") or to not in ("open", "closed", "rule"):
            raise click.UsageError("--set takes a finding, `state` or `change`, and `open`, `closed` or `rule`.")
        if not reason:
            raise click.UsageError("Say with --reason why the gate is set.")
        found = [set_gate(settings, finding, subject, to, by or getpass.getuser(), reason, datetime.now())]
    else:
        found = list_gates(settings)
    if as_json:
        click.echo(json.dumps(found))
    else:
        from cxrreport.cli.status import print_table

        print_table("Gates", ["finding", "subject", "gate", "since (UTC)", "why"], map(_gate, found))


def _gate(one: dict[str, Any]) -> list[Any]:
    stands = ("open" if one["open"] else "closed") + (", held" if one["held"] else "")
    return [one["finding"], one["subject"], stands, (one["since"] or "")[:16].replace("T", " "), one["reason"]]
