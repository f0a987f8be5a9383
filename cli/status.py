"""`cxrreport status` and `cxrreport runs`: what the archive holds and what was done."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cxrreport.files import printable

if TYPE_CHECKING:
    from cxrreport.drafts import MadeWith
    from cxrreport.settings import Settings
    from cxrreport.store.runs import RunFacts

_WIDE = 100_000  # columns


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Print what the archive holds, how many studies with a usable image have no draft, what failed and the last run."""
    from cxrreport.store import engine as store
    from cxrreport.store.alarms import ringing
    from cxrreport.store.engine import open_archive
    from cxrreport.store.runs import archive_status
    from cxrreport.store.unretrievable import unretrievable
    from cxrreport.trust.gates import count_gates

    with open_archive(settings, read_only=True) as engine, store.session(engine, read_only=True) as session:
        found = {"home": str(settings.home), "database": store.place(engine.url), **archive_status(session)}
        found["unretrievable"] = unretrievable(session, undated=settings.undated_reports)
        found["gates"] = {**count_gates(session, _used(settings)), "withhold": settings.withhold}
        found["alarms"] = ringing(session)
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_table("Archive", ["", "count"], _status_rows(found))


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, help="How many runs, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def runs(settings: Settings, limit: int, as_json: bool) -> None:
    """List past runs, the newest first."""
    from cxrreport.store import engine as store
    from cxrreport.store.engine import open_archive
    from cxrreport.store.runs import list_runs

    with open_archive(settings, read_only=True) as engine, store.session(engine, read_only=True) as session:
        found = list_runs(session, limit)
    if as_json:
        click.echo(json.dumps([asdict(run) for run in found], default=datetime.isoformat))
    else:
        print_table("Runs", ["run", "started (UTC)", "ended (UTC)", "exit", "host", "counts"], map(_run_row, found))


def _used(settings: Settings) -> MadeWith:
    """What the next run drafts with; damaged weights, which `doctor` tells, have proved nothing."""
    from cxrreport.drafts import MadeWith
    from cxrreport.errors import WeightsError
    from cxrreport.trust.used import in_use

    try:
        return in_use(settings)
    except WeightsError:
        return MadeWith("", None)


def _status_rows(found: dict[str, Any]) -> list[list[Any]]:
    rows = [[name, found[name]] for name in ("home", "database", "patients", "studies")]
    rows.append(["studies with a usable image and no draft", found["undrafted"]])
    rows.append(["studies without a usable image", found["imageless"]])
    for view, counts in found["images"].items():
        rows.append([f"images, {view}", f"{counts['usable']} usable, {counts['unusable']} not"])
    rows.extend([f"images refused, {code}", number] for code, number in found["refused"].items())
    rows.append(["reports", f"{found['reports']}, {found['linked_reports']} of them linked to a study"])
    rows.extend([f"reports, {code}", number] for code, number in found["unretrievable"].items())
    rows.extend([f"drafts, {state}", number] for state, number in found["drafts"].items())
    rows.extend([f"drafts to review, {priority}", number] for priority, number in found["priorities"].items() if number)
    if found["shadow"]:
        rows.append(["drafts in shadow, which nobody sees", found["shadow"]])
    rows.extend([f"not drafted, {code}", number] for code, number in found["abstained"].items())
    rows.append(["gates", gates_line(found["gates"])])
    rows.extend([f"failures, {code}", number] for code, number in found["failures"].items())
    rows.append(["quarantined", found["quarantined"]])
    rows.extend([f"alarm {alarm['id']}", alarm["sentence"]] for alarm in found["alarms"])
    last = found["last_run"]
    facts = f"{last['id']}, started {last['started_at']}, exit {last['exit_code']}" if last else "none"
    return [*rows, ["last run", facts], ["it counted", _summary(last["counts"]) if last else "nothing"]]


def gates_line(found: dict[str, Any]) -> str:
    """Gates and what they keep from readers, in a line."""
    kept = {"nothing": "nothing", "failed": "what has failed", "unproved": "what is not proved"}[found["withhold"]]
    counts = ", ".join(f"{found[name]} {name}" for name in ("open", "failed", "unproved", "held"))
    return f"{counts}; {kept} is kept from readers"


def _run_row(run: RunFacts) -> list[Any]:
    ended = f"{run.ended_at:%Y-%m-%d %H:%M:%S}" if run.ended_at else "not ended"
    exit_code = run.exit_code if run.exit_code is not None else "died" if run.ended_at else ""
    return [run.id, f"{run.started_at:%Y-%m-%d %H:%M:%S}", ended, exit_code, run.host, _summary(run.counts)]


def _summary(counts: dict[str, Any]) -> str:
    """The numbers of a run that are not 0; `skipped` and `failed` as sums. What its stages took is for --json."""
    sums = {name: sum(counts.get(name, {}).values()) for name in ("skipped", "failed")}
    numbers = {**{name: value for name, value in counts.items() if not isinstance(value, dict)}, **sums}
    return ", ".join(f"{name} {value}" for name, value in numbers.items() if value and name != "run")


def print_table(title: str, columns: list[str], rows: Any) -> None:
    """Print a table; every cell is made harmless."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escaped(value) for value in row))
    console = Console()
    if not console.is_terminal:  # fold nothing in a mail or a pipe
        console.width = _WIDE
    console.print(table)


def escaped(value: Any) -> str:
    """Make a value harmless where rich prints it: no markup either."""
    from rich.markup import escape

    return escape(printable(value))
