"""`cxrreport trust recommend`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.options import number

if TYPE_CHECKING:
    from cxrreport.settings import Settings

_MEASURES = {
    "log_loss": "log loss of a claim",
    "brier": "Brier score of a claim",
    "ece": "expected calibration error",
    "wrong": "wrong calls and denials a study",
    "missed": "findings not called a study",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def recommend(settings: Settings, as_json: bool) -> None:
    """Say whether to calibrate or to train, and what it would bring.

    A fifth of the patients is held out: what is gained is measured on their judged drafts, with a 95 % interval over
    patients. No film is read. docs/trust.md tells what it can tell, and what not.
    """
    from cxrreport.trust.recommend import recommend as ask

    found = ask(settings)
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    from cxrreport.cli.status import print_table

    apart = found["held_out"]
    judged, held = (number(one["studies"], "study", "studies") for one in (found, apart))
    whole, part = (number(one["patients"], "patient", "patients") for one in (found, apart))
    click.echo(f"Judged: {judged} of {whole}; held out of these: {held} of {part}.")
    for name in ("calibrate", "train"):
        one = found[name]
        click.echo(f"{name}: {_word(name, one)}: {one['why']}.")
        if one["measures"]:
            columns = ["on the held-out patients", "before", "after", "gain", "95 % interval"]
            print_table("", columns, _rows(one["measures"]))
    for row in found["failing"]:
        why = f": {row['why']}" if row["why"] else ""
        click.echo(
            f"{row['finding']} is told in {number(row['reports'], 'report', 'reports')}, and its gate is closed{why}."
        )


def _word(name: str, one: dict[str, Any]) -> str:
    if one["recommended"]:
        return "recommended"
    return "not recommended" if name == "calibrate" and one["measures"] else "cannot be told"


def _rows(measures: dict[str, dict[str, Any]]) -> Iterator[list[str]]:
    for name, one in measures.items():
        ends = f"{one['low']:+.4f} to {one['high']:+.4f}" if one.get("low") is not None else ""
        yield [_MEASURES[name], f"{one['before']:.4f}", f"{one['after']:.4f}", f"{one['gain']:+.4f}", ends]
