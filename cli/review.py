"""`cxrreport review`: what a reader says of a draft."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cxrreport.cli.options import print_result, user

from cxrreport.files import printable

if TYPE_CHECKING:
    from cxrreport.settings import Settings


@click.command()
@click.argument("study", required=False)
@click.option(
    "--status",
    type=click.Choice(["accepted", "edited", "rejected"]),
    help="Signed as it is, after changes, or not at all.",
)
@click.option(
    "--text", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="What the reader wrote instead."
)
@click.option("--comment", help="Why.")
@click.option(
    "--by",
    metavar="NAME",
    help="Who judges; by default the user of the system, with --import whom the file names.",
)
@click.option(
    "--import",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A file of verdicts in place of STUDY: a table (CSV), or what the worklist of an export has written.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def review(
    settings: Settings,
    /,
    study: str | None,
    status: str | None,
    text: Path | None,
    comment: str | None,
    by: str | None,
    file: Path | None,
    as_json: bool,
) -> int:
    """Record what a reader says of the draft of STUDY: a StudyInstanceUID, an accession number or a database id.

    The draft itself stays as it was made. The newest verdict holds.
    """
    if file:
        if study or status or text or comment:
            raise click.UsageError("--import takes the verdicts from the file: leave out STUDY and its options.")
        return _import(settings, file, by or "", as_json)
    if not study or not status:
        raise click.UsageError("Name a STUDY and a --status, or a file with --import.")
    draft_id = _review(settings, study, status, _read(text), comment, by or user())
    if as_json:
        click.echo(json.dumps({"draft": draft_id, "status": status}))
    else:
        click.echo(f"Draft {draft_id} of {printable(study)} is {status}.")
    return 0


def _review(settings: Settings, study: str, status: str, text: str | None, comment: str | None, by: str) -> int:
    from cxrreport.drafts import Review, ReviewStatus
    from cxrreport.pipeline.review import review as store

    return store(settings, study, Review(ReviewStatus(status), by, datetime.now(UTC), text, comment or None))


def _import(settings: Settings, file: Path, by: str, as_json: bool) -> int:
    from cxrreport.pipeline.review import import_reviews

    counts, exit_code = import_reviews(settings, file, by)
    problems = counts["problems"]
    print_result(counts if as_json else {name: counts[name] for name in ("added", "known", "refused")}, as_json)
    if not as_json:
        for problem in problems:
            click.echo(f"Entry {problem['entry']}: {problem['sentence']} [{problem['code']}]")
    return exit_code


def _read(text: Path | None) -> str | None:
    if text is None:
        return None
    try:
        return text.read_text("utf-8-sig").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError("The file of --text cannot be read as a text in UTF-8.") from error
