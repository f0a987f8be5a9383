"""`cxrreport trust`: drafts beside what was signed, and the gates that follow from it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.options import BY, number, print_result, progress, user
from cxrreport.cli.trust_drift import drift
from cxrreport.cli.trust_export import export
from cxrreport.cli.trust_recommend import recommend
from cxrreport.cli.trust_report import report

if TYPE_CHECKING:
    from cxrreport.settings import Settings


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def trust(ctx: click.Context, as_json: bool) -> int:
    """Judge drafts beside what was signed of their studies, then open and close gates by the rule.

    Each draft that stands, in shadow too, is compared with the signed report of its study, claim by claim; where there is
    none, with what its reader wrote. What was judged before is judged again only where something has changed. Ends with 3
    while an alarm of drift rings (`cxrreport trust drift`).
    """
    if ctx.invoked_subcommand:
        return 0
    from cxrreport.trust.prove import prove_archive

    with progress() as tell:
        found = prove_archive(ctx.obj, datetime.now(), tell)
    if as_json:
        print_result(found, as_json)
    else:
        _print_proved(found)
    return 3 if found["alarms"] else 0


def _print_proved(found: dict[str, Any]) -> None:
    click.echo(f"{number(found['judged'], 'draft was', 'drafts were')} judged.")
    for name in ("opened", "closed"):
        for gate in found[name]:
            click.echo(f"{name}: {gate['finding']}, {gate['subject']}: {gate['reason']}.")
    for alarm in found["alarms"]:
        click.echo(f"alarm {alarm['id']}: {alarm['sentence']}")
    _tell_withdrawn(found["withdrawn"])


for command in (report, drift, recommend, export):
    trust.add_command(command)


@trust.command()
@click.option(
    "--set",
    "change",
    nargs=3,
    metavar="FINDING SUBJECT TO",
    help="Hold the state or change of a finding open or closed, or give it back to the rule.",
)
@click.option("--reason", help="Why, for the audit; goes with --set.")
@click.option("--by", **BY)
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
        found = [set_gate(settings, finding, subject, to, by or user(), reason, datetime.now())]
    else:
        found = list_gates(settings)
    if as_json:
        click.echo(json.dumps(found))
    else:
        from cxrreport.cli.status import print_table

        print_table("Gates", ["finding", "subject", "gate", "since (UTC)", "why"], map(_gate, found))
        _tell_withdrawn(sum(one.get("withdrawn", 0) for one in found))


def _tell_withdrawn(count: int) -> None:
    if count:
        told = number(count, "draft that nobody had read is", "drafts that nobody had read are")
        click.echo(f"{told} withdrawn: the next `cxrreport generate` drafts anew.")


def _gate(one: dict[str, Any]) -> list[Any]:
    stands = "open" if one["open"] else "closed, failed" if one["failed"] else "closed"
    stands += ", held" if one["held"] else ""
    return [one["finding"], one["subject"], stands, (one["since"] or "")[:16].replace("T", " "), one["reason"]]
