"""`cxrreport evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--dataset", nargs=2, required=True, metavar="NAME DIRECTORY", help="Labelled dataset: iu-xray and its directory.")  # fmt: skip  # noqa: E501
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="test", show_default=True, help="Split to score.")  # fmt: skip  # noqa: E501
@click.option("--weights", type=click.Path(path_type=Path), help="Weights directory.")
@click.option("--beams", type=click.IntRange(1, 16), default=3, show_default=True, help="Width of the beam search.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:i.")
@click.option("--limit", type=click.IntRange(min=2), help="Only this many studies, to try things out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def evaluate(dataset: tuple[str, str], as_json: bool, **options: Any) -> None:
    """Score drafts of a labelled split beside a constant report and the nearest report (protocol C)."""
    from cxrreport.errors import UsageError
    from cxrreport.evaluation.evaluate import EvaluateOptions
    from cxrreport.evaluation.evaluate import evaluate as run
    from cxrreport.training.dataset import READERS

    name, directory = dataset
    if name not in READERS:
        raise UsageError(f"Known datasets: {', '.join(READERS)}.")
    found = run(EvaluateOptions(name, Path(directory), **options))
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    from cxrreport.cli.status import print_table

    names = list(found["rows"]["cxrreport"])
    columns = found["rows"].values()
    rows = [[name, *(f"{column[name]:.3f}" if name in column else "" for column in columns)] for name in names]
    title = f"{found['dataset']} {found['split']}, {found['studies']} studies, protocol {found['protocol']}"
    print_table(title, ["score", *found["rows"]], rows)
    states = [[name, f"{value:.3f}"] for name, value in found["states"].items()]
    print_table("Findings of the network", ["score", "value"], states)
