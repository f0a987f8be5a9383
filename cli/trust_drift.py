"""`cxrreport trust drift`: control charts beside the reference period, and the alarms that follow from them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.options import BY, DAY, user

if TYPE_CHECKING:
    from cxrreport.settings import Settings


@click.command()
@click.option("--all", "every", is_flag=True, help="List every chart, those within their limits and ended alarms too.")
@click.option(
    "--reference",
    nargs=2,
    type=DAY,
    metavar="FROM UNTIL",
    help="Hold the drafts of the weights in use beside the weeks of these days.",
)
@click.option(
    "--acknowledge",
    "alarms",
    type=int,
    multiple=True,
    metavar="ALARM",
    help="Have an alarm ring no more until it gets worse; may be given more than once.",
)
@click.option("--reason", help="Why, for the audit; goes with --reference and --acknowledge.")
@click.option("--by", **BY)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with every chart.")
@click.pass_obj
def drift(
    settings: Settings, /, every: bool, reference: tuple[datetime, datetime] | None, alarms: tuple[int, ...],
    reason: str | None, by: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what has left its reference period: films, findings, and what is signed, by week and device.

    Charts and alarms are drawn anew by `cxrreport trust` and by `cxrreport index`; here they are shown. A device is named
    only where it has studies enough.
    """
    from cxrreport.trust import drift as library

    if (reference or alarms) and not reason:
        raise click.UsageError("Say with --reason why.")
    who, now = by or (user() if reference or alarms else ""), datetime.now()
    if reference:
        library.set_reference(settings, reference[0].date(), reference[1].date(), who, reason or "", now)
    if alarms:
        library.acknowledge(settings, alarms, who, reason or "")
    found = library.show_drift(settings, now)
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found, every)


def _print(found: dict[str, Any], every: bool) -> None:
    from cxrreport.cli.status import print_table

    period = found["reference"]
    if not period:
        click.echo("There is no reference period yet: too few weeks have drafts enough of the weights in use.")
        return
    click.echo(f"Reference period: {period['since']} to {period['until']}. {len(found['charts'])} charts are watched.")
    own = {one["device"]: one["own_reference"] for one in found["charts"] if one["own_reference"]}
    for device, weeks in own.items():
        click.echo(
            f"{device} is new since then and held beside its own first weeks: {weeks['since']} to {weeks['until']}."
        )
    alarms = [one for one in found["alarms"] if every or not one["until"]]
    columns = ["alarm", "level", "what", "acknowledged", "until"]
    print_table("Alarms", columns, map(_alarm, alarms))
    charts = [one for one in found["charts"] if every or one["level"]]
    print_table("Charts", ["device", "statistic", "finding", "usual", "now", "score", ""], map(_chart, charts))


def _alarm(one: dict[str, Any]) -> list[Any]:
    known = f"{one['acknowledged_by']}: {one['acknowledged_why']}" if one["acknowledged_at"] else ""
    return [one["id"], one["level"], one["sentence"], known, one["until"] or ""]


def _chart(one: dict[str, Any]) -> list[Any]:
    last = one["course"][-1] if one["course"] else None
    now = [f"{last['mean']:.3g}", f"{last['score']:+.1f}"] if last else ["", ""]
    return [one["device"], one["statistic"], one["finding"], f"{one['usual']:.3g}", *now, one["level"]]
