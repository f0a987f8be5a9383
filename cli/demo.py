"""`cxrreport demo`: a small hospital, from nothing to a draft in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cxrreport.demo.hospital import Hospital


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("cxrreport-demo"))
@click.option("--patients", type=click.IntRange(min=1, max=200), default=12, show_default=True, help="Patients of the hospital.")  # fmt: skip  # noqa: E501
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed draws another hospital.")
def demo(directory: Path, patients: int, seed: int) -> int:
    """Draw a hospital archive in DIRECTORY, index its reports, draft its studies and show one draft."""
    from cxrreport.cli.main import call

    from cxrreport.demo.hospital import build_hospital
    from cxrreport.errors import UsageError

    if directory.exists() and any(directory.iterdir()):
        raise UsageError("The directory of the demo is not empty; name another one or remove it.")
    click.echo("Drawing the hospital …", err=True)
    hospital = build_hospital(directory, seed, patients)
    home = ["--home", str(directory / "home"), "--log-level", "warning"]
    steps = (
        ["index", str(hospital.reports)],
        ["generate", str(hospital.pacs)],
        ["generate", str(hospital.pacs)],
        ["status"],
        ["show", _shown(hospital)],
    )
    for step in steps:
        click.secho(f"\n$ cxrreport --home {directory / 'home'} {' '.join(step)}", bold=True)
        exit_code: int = call([*home, *step])
        if exit_code not in (0, 3):  # the archive holds broken files on purpose: 3 is right
            return exit_code
    return 0


def _shown(hospital: Hospital) -> str:
    """Accession of the first drawn study that has a prior and another finding than it; else of the first study."""
    lesions = {study.accession: {lesion.finding for lesion in study.lesions} for study in hospital.studies}
    changed = (s for s in hospital.studies if s.synthetic and s.prior and lesions[s.accession] - lesions[s.prior])
    return next(changed, hospital.studies[0]).accession
