"""`cxrreport export` and `cxrreport drafts`: drafts as files or on their way to other systems, and as a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.complaint import complain
from cxrreport.cli.options import DAY, print_result, progress
from cxrreport.cli.status import print_table

from cxrreport.codes import Flag
from cxrreport.drafts import PRIORITIES, DraftStatus
from cxrreport.errors import UsageError
from cxrreport.export.formats import FORMATS
from cxrreport.findings import NAMES
from cxrreport.records import blank_placeholder

if TYPE_CHECKING:
    from cxrreport.export.pseudonym import Pseudonyms
    from cxrreport.settings import Settings
    from cxrreport.store.listing import DraftLine, Wanted

_FILE = click.Path(path_type=Path)


def _known(ctx: click.Context, param: click.Parameter, flags: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a flag that no draft can have: it would silently find nothing."""
    if wrong := [flag for flag in flags if flag not in list(Flag)]:
        raise click.BadParameter(f"There is no flag {wrong[0]!r}: docs/codes.md names them.", ctx, param)
    return flags


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose drafts; `wanted_of` takes them."""
    options = (
        click.option("--since", type=DAY, help="First day of the studies."),
        click.option("--until", type=DAY, help="Last day of the studies."),
        click.option("--run", type=int, metavar="ID", help="Only drafts of this run."),
        click.option("--study", metavar="STUDY", help="Only this study."),
        click.option(
            "--changed-only", "--changed", is_flag=True, help="Only where something has changed since the prior."
        ),
        click.option(
            "--priority", type=click.Choice(PRIORITIES), multiple=True, help="Only of this priority; repeatable."
        ),
        click.option(
            "--flag", "flags", metavar="FLAG", multiple=True, callback=_known, help="Only with this flag; repeatable."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def wanted_of(since: datetime | None, until: datetime | None, **others: Any) -> Wanted:
    """Return what the options of `wanted_options` ask for."""
    from cxrreport.store.listing import Wanted

    return Wanted(since.date() if since else None, until.date() if until else None, **others)


def pseudonyms_of(key: Path | None, with_pictures: bool, directory: Path | None) -> Pseudonyms | None:
    """Return what `--pseudonymise` and `--with-pictures` ask for."""
    from cxrreport.export.pseudonym import Pseudonyms, read_key

    if key is None and with_pictures:
        raise UsageError("--with-pictures goes with --pseudonymise: other exports have their pictures anyway.")
    return Pseudonyms(read_key(key, directory), with_pictures) if key else None


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--format", "formats", type=click.Choice(FORMATS), multiple=True, help="Of the files; repeatable.")
@click.option("--send", "targets", metavar="URL", multiple=True, help="Send to this system; repeatable.")
@click.option("--pseudonymise", "key", type=_FILE, metavar="KEYFILE", help="Under pseudonyms that this key makes.")
@click.option("--with-pictures", is_flag=True, help="With --pseudonymise: pictures too; names may be burnt into films.")
@wanted_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def export(
    settings: Settings,
    /,
    directory: Path | None,
    formats: tuple[str, ...],
    targets: tuple[str, ...],
    key: Path | None,
    with_pictures: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Write drafts to DIRECTORY, or send them, the most urgent first; what was written or sent before is not again.

    A URL is dicom://CALLED_AET@HOST:PORT (C-STORE; ?calling=AET), http://HOST/PATH of a DICOMweb service, or
    mllp://HOST:PORT (HL7); with TLS dicom+tls, https and mllps. Credentials and certificates are settings (send_*).
    """
    if bool(targets) == bool(directory) or bool(formats) != bool(directory):
        raise UsageError("Give a DIRECTORY with --format, or --send with a URL.")
    pseudonyms, wanted = pseudonyms_of(key, with_pictures, directory), wanted_of(**chosen)
    with progress() as tell:
        if directory:
            from cxrreport.export.job import export as write

            counts, exit_code = write(settings, directory, formats, wanted, tell, pseudonyms)
        else:
            from cxrreport.export.delivery import deliver
            from cxrreport.export.send.targets import parse_target

            places = [parse_target(url) for url in dict.fromkeys(targets)]
            counts, exit_code, lost = deliver(settings, places, wanted, tell, pseudonyms)
            for error in lost:
                complain(error.code, error.message)
    print_result(counts, as_json)
    return exit_code


@click.command()
@wanted_options
@click.option("--patient", metavar="ID", help="Only studies of the patient with this number.")
@click.option(
    "--status",
    "statuses",
    type=click.Choice([status.value for status in DraftStatus if status is not DraftStatus.SUPERSEDED]),
    multiple=True,
    default=(DraftStatus.PRELIMINARY.value, DraftStatus.REVIEWED.value),
    help="Only of this status; repeatable.",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, help="How many, the most urgent first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def drafts(settings: Settings, /, limit: int, statuses: tuple[str, ...], as_json: bool, **chosen: Any) -> None:
    """List drafts, the most urgent first: study, date, priority and why, what else has changed, flags."""
    from cxrreport.store.engine import open_archive, session
    from cxrreport.store.listing import count_drafts, list_drafts

    wanted = wanted_of(**chosen, statuses=tuple(map(DraftStatus, statuses)))
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        found, total = list_drafts(s, wanted, limit=limit), count_drafts(s, wanted)
    if as_json:
        click.echo(json.dumps({"drafts": [asdict(one) for one in found], "total": total}, default=datetime.isoformat))
        return
    columns = ["study", "patient", "date", "priority", "because", "also changed", "flags", "status"]
    print_table(f"Drafts, {len(found)} of {total}", columns, map(_row, found))


def _row(line: DraftLine) -> list[object]:
    date = f"{line.studied_at:%Y-%m-%d}" if line.studied_at else ""
    because = line.priority_reason or ""
    changes = (f"{NAMES.get(finding, finding)} {change}" for finding, change in line.changes.items())
    also = ", ".join(change for change in changes if change not in because)
    named = [line.accession or line.study_id, blank_placeholder(line.mrn), date, line.priority or ""]
    return [*named, because, also, _flags(line.flags), "not drafted" if line.abstained else line.status]


def _flags(flags: Sequence[str]) -> str:
    """Those of films and patient by name; how many tell of words that were mended ("film_turned, +2")."""
    named = [flag for flag in flags if flag.startswith(("out_of", "film_", "prior_", "lateral_", "registration_"))]
    mended = len(flags) - len(named)
    return ", ".join([*named, *([f"+{mended}"] if mended else [])])
