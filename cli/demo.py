"""`cxrreport demo`: a small hospital, from nothing to a draft in the terminal."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cxrreport.cli.options import GIVEN

if TYPE_CHECKING:
    from cxrreport.demo.hospital import Hospital


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("cxrreport-demo"))
@click.option("--patients", type=click.IntRange(min=1, max=200), default=12, help="Patients of the hospital.")
@click.option("--seed", type=int, default=7, help="Another seed draws another hospital.")
@click.pass_context
def demo(ctx: click.Context, directory: Path, patients: int, seed: int) -> int:
    """Draw a hospital archive in DIRECTORY, index its reports, draft its studies and show one draft.

    The demo has a home and a database of its own in DIRECTORY, whatever the settings name.
    """
    from cxrreport.cli.main import call

    from cxrreport.demo.hospital import build_hospital

    given = ctx.meta[GIVEN]
    if any(given[name] is not None for name in ("home", "db", "config")):
        raise click.UsageError("The demo has its own home and database: it takes no --home, --db or --config.")
    _require_empty(directory)
    click.echo("Drawing the hospital …", err=True)
    hospital = build_hospital(directory, seed, patients)
    own = _own_archive(directory, given["log_level"] or "warning")
    for step in _steps(hospital):
        click.secho(f"\n$ {shlex.join(['cxrreport', *own, *step])}", bold=True)
        exit_code: int = call([*own, *step])
        if exit_code not in (0, 3):  # the archive holds broken files on purpose: 3 is right
            return exit_code
    return 0


def _require_empty(directory: Path) -> None:
    from cxrreport.errors import UsageError

    if directory.exists() and not directory.is_dir():
        raise UsageError("The demo needs a directory, and this is a file; name another one.")
    if directory.exists() and any(directory.iterdir()):
        raise UsageError("The directory of the demo is not empty; name another one or remove it.")


def _own_archive(directory: Path, log_level: str) -> list[str]:
    """Options that name home and database; flags, so that no CXRREPORT_DB leads the demo into a hospital's database."""
    home = directory.resolve() / "home"
    return ["--home", str(home), "--db", f"sqlite:///{home / 'cxrreport.db'}", "--log-level", log_level]


def _steps(hospital: Hospital) -> tuple[list[str], ...]:
    draft = ["generate", str(hospital.pacs)]  # twice: the second run finds nothing to do
    return ["index", str(hospital.reports)], draft, draft, ["status"], ["show", _shown(hospital)]


def _shown(hospital: Hospital) -> str:
    """Accession of the first drawn study that has a prior and another finding than it; else of the first study."""
    lesions = {study.accession: {lesion.finding for lesion in study.lesions} for study in hospital.studies}
    changed = (s for s in hospital.studies if s.synthetic and s.prior and lesions[s.accession] - lesions[s.prior])
    return next(changed, hospital.studies[0]).accession
