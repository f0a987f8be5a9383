"""What commands share: settings from flags, progress, JSON."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from cxrreport.log import Progress, unwatched
from cxrreport.settings import Settings, load_settings

GIVEN = "cxrreport.given"  # key of the group's own flags in ctx.meta
QUIET = "cxrreport.quiet"  # key of --quiet there
BY = {"metavar": "NAME", "help": "Who; by default the user of the system."}  # of --by
DAY = click.DateTime(["%Y-%m-%d"])
DATASETS = "iu-xray, mimic-cxr, mimic-cxr-chexpert, mimic-cxr-negbio or chexpert-plus"  # names for --dataset


def named(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Callback of an option that takes NAME=VALUE many times: as pairs; neither side may be blank."""
    parts = [text.partition("=") for text in texts]
    if not all(name.strip() and value for name, _, value in parts):
        raise click.BadParameter("It takes NAME=VALUE.", ctx, param)
    return [(name.strip(), value) for name, _, value in parts]


def user() -> str:
    """The user of the system. Raises click.UsageError where it knows none, as in a container with a bare number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise click.UsageError("The system does not know the user: say with --by who it is.") from error


def settings_with(ctx: click.Context, **flags: Any) -> Settings:
    """Settings of the group's flags and the given ones of a command; None means not given."""
    return load_settings(**ctx.meta[GIVEN], **flags)


@contextmanager
def progress() -> Iterator[Progress]:
    """Count of each stage on stderr: a live line on a terminal, a log line now and then elsewhere; nothing with --quiet."""
    if click.get_current_context().meta.get(QUIET):
        yield unwatched
        return
    if not sys.stderr.isatty():
        yield _log_progress()
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    tasks: dict[str, TaskID] = {}
    left = TextColumn("left"), TimeRemainingColumn()
    columns = TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn(), *left
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:

        def tell(stage: str, n: int, total: int | None = None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], advance=n, total=total)

        yield tell


def _log_progress() -> Progress:
    from cxrreport.log import get_log

    done: Counter[str] = Counter()
    logged: Counter[str] = Counter()
    totals: dict[str, int] = {}
    began: dict[str, float] = {}

    def tell(stage: str, n: int, total: int | None = None) -> None:
        began.setdefault(stage, time.monotonic())
        done[stage] += n
        if total is not None:
            totals[stage] = total
        if done[stage] >= max(1, logged[stage] * 2):  # ever rarer: 1, 2, 4, 8, …
            logged[stage] = done[stage]
            known = _left(done[stage], totals[stage], time.monotonic() - began[stage]) if stage in totals else {}
            get_log().info("progress", stage=stage, done=done[stage], **known)

    return tell


def _left(done: int, total: int, seconds: float) -> dict[str, int]:
    return {"total": total, "left_s": round(seconds * (total - done) / done)}


def print_left_out(skipped: dict[str, int]) -> None:
    """A line of what a dataset has left out, by code, if anything."""
    if skipped:
        click.echo(f"Left out of the dataset: {', '.join(f'{code} {count}' for code, count in skipped.items())}.")


def print_result(counts: dict[str, Any], as_json: bool) -> None:
    """One JSON document, or a line a number."""
    if as_json:
        click.echo(json.dumps(counts))
        return
    for name, value in counts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number}" for key, number in value.items()) or "none"
        click.echo(f"{name:<16} {'none' if value is None else value}")


def number(count: int, one: str, several: str) -> str:
    """A count with its noun, and its verb where there is one."""
    return f"{count} {one if count == 1 else several}"
