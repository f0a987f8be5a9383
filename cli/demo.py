"""`cxrreport demo`: a small hospital, from nothing to a draft in the terminal, or some months of one."""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.options import GIVEN

if TYPE_CHECKING:
    from cxrreport.demo.hospital import Hospital
    from cxrreport.settings import Settings

_HERE = Path("cxrreport-demo")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--patients", type=click.IntRange(min=1, max=200), default=12, help="Patients of the hospital.")
@click.option("--seed", type=int, default=7, help="Another seed draws another hospital.")
@click.option(
    "--months", type=click.IntRange(min=2, max=24),
    help="Simulate so many months up to today instead: late reports, gates, a machine that changes half-way.",
)  # fmt: skip
@click.option("--weekly", type=click.IntRange(min=1, max=200), default=32, help="With --months: studies a week.")
@click.option("--json", "as_json", is_flag=True, help="With --months: print one JSON document.")
@click.pass_context
def demo(
    ctx: click.Context, directory: Path | None, patients: int, seed: int, months: int | None, weekly: int, as_json: bool
) -> int:
    """Draw a hospital archive in DIRECTORY (cxrreport-demo), index its reports, draft its studies and show one draft.

    The demo has a home and a database of its own in DIRECTORY, whatever the settings name. With --months it may have a
    new --home instead, so that `cxrreport --config HOME/settings.toml trust report` can follow, with the settings of
    the simulated nights; films and reports lie in its folder `hospital`.
    """
    given = ctx.meta[GIVEN]
    refused = ("db", "config") if months else ("home", "db", "config")
    if any(given[name] is not None for name in refused):
        told = "--db or --config" if months else "--home, --db or --config"
        raise click.UsageError(f"The demo has its own {'' if months else 'home and '}database: it takes no {told}.")
    if as_json and not months:
        raise click.UsageError("--json goes with --months.")
    if months:
        return _simulate(given, directory, months, weekly, seed, as_json)
    return _show_all(given, directory or _HERE, patients, seed)


def _show_all(given: dict[str, Any], directory: Path, patients: int, seed: int) -> int:
    from cxrreport.cli.main import call

    from cxrreport.demo.hospital import build_hospital

    _require_empty(directory)
    click.echo("Drawing the hospital …", err=True)
    hospital = build_hospital(directory, seed, patients)
    own = _own_archive(directory.resolve() / "home", given["log_level"] or "warning")
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


def _own_archive(home: Path, log_level: str) -> list[str]:
    """Options that name home and database; flags, so that no CXRREPORT_DB leads the demo into a hospital's database."""
    return ["--home", str(home), "--db", _database(home), "--log-level", log_level]


def _database(home: Path) -> str:
    return f"sqlite:///{home / 'cxrreport.db'}"


def _steps(hospital: Hospital) -> tuple[list[str], ...]:
    draft = ["generate", str(hospital.pacs)]  # twice: the second run finds nothing to do
    return ["index", str(hospital.reports)], draft, draft, ["status"], ["show", _shown(hospital)]


def _shown(hospital: Hospital) -> str:
    """Accession of the first drawn study that has a prior and another finding than it; else of the first study."""
    lesions = {study.accession: {lesion.finding for lesion in study.lesions} for study in hospital.studies}
    changed = (s for s in hospital.studies if s.synthetic and s.prior and lesions[s.accession] - lesions[s.prior])
    return next(changed, hospital.studies[0]).accession


# -- months -----------------------------------------------------------------------------------------------------------


def _simulate(
    given: dict[str, Any], directory: Path | None, months: int, weekly: int, seed: int, as_json: bool
) -> int:  # fmt: skip
    from cxrreport.cli.options import progress

    from cxrreport.demo.months import simulate
    from cxrreport.demo.nights import WITHHOLD
    from cxrreport.demo.plan import Plan

    home = given["home"].expanduser().resolve() if given["home"] else (directory or _HERE).resolve() / "home"
    hospital = directory or (home / "hospital" if given["home"] else _HERE)
    for place in {home, hospital}:
        _require_empty(place)
    settings = _own_settings(given, home)
    plan = Plan(datetime.now().replace(microsecond=0), months, weekly, seed)
    with progress() as tell:
        found = simulate(settings, hospital, plan, tell)
    (own := home / "settings.toml").write_text(f'home = {json.dumps(str(home))}\nwithhold = "{WITHHOLD}"\n', "utf-8")
    click.echo(json.dumps(found)) if as_json else _print(found)
    click.echo(
        f"Go on as this hospital: {shlex.join(['cxrreport', '--config', str(own), 'trust', 'report'])}", err=True
    )
    return 0


def _own_settings(given: dict[str, Any], home: Path) -> Settings:
    """Settings of the simulated nights, whose log shows errors alone unless it was asked for more."""
    from cxrreport.log import configure
    from cxrreport.settings import load_settings

    flags = {**given, "home": home, "db": _database(home), "log_level": given["log_level"] or "error"}
    settings = load_settings(**flags)
    configure(settings.log_level, settings.log_format)
    return settings


def _print(found: dict[str, Any]) -> None:
    """The course beside the truth."""
    from cxrreport.cli.status import print_table

    print_table("Nights", list(found["nights"][0]), [list(night.values()) for night in found["nights"]])
    rows = [[code, *numbers.values()] for code, numbers in found["abstained"].items()]
    print_table(f"Abstained from ({found['truth']['spoilt']} films were spoilt)", ["why", "spoilt", "others"], rows)
    events = sorted([*_simulated(found["truth"]), *found["events"]], key=lambda event: str(event["date"]))
    columns = ("date", "what", "finding", "subject", "why")
    print_table("What happened", list(columns), [[event.get(name, "") for name in columns] for event in events])


def _simulated(truth: dict[str, Any]) -> list[dict[str, Any]]:
    told = f"reports tell it, films do not show it: {truth['unseen']}"
    return [
        {"date": truth["from"], "what": "simulated", "finding": truth["unseen"], "why": told},
        {"date": truth["machine"], "what": "simulated", "why": f"another machine: {truth['model']}"},
    ]
