"""`cxrreport train`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--dataset", nargs=2, required=True, metavar="NAME DIRECTORY", help="Dataset to learn from: iu-xray and its directory.")  # fmt: skip  # noqa: E501
@click.option("--films", nargs=2, metavar="NAME DIRECTORY", help="Labelled films without reports for the encoder: nih and its directory.")  # fmt: skip  # noqa: E501
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run directory: checkpoints, metrics.jsonl, best weights. A killed run goes on here.")  # fmt: skip  # noqa: E501
@click.option("--config", "size", type=click.Choice(["base", "mini", "tiny"]), default="mini", show_default=True, help="Size of the network.")  # fmt: skip  # noqa: E501
@click.option("--init", type=click.Path(path_type=Path), help="Weights directory to fine-tune from.")
@click.option("--phantoms", type=click.IntRange(min=0), default=0, show_default=True, help="Procedural studies to learn from as well.")  # fmt: skip  # noqa: E501
@click.option("--encoder-epochs", type=click.IntRange(min=0), default=6, show_default=True, help="Epochs of the first stage: encoder and retrieval.")  # fmt: skip  # noqa: E501
@click.option("--network-epochs", type=click.IntRange(min=0), default=10, show_default=True, help="Epochs of the second stage: FAM, findings and decoder; 0 keeps those of --init.")  # fmt: skip  # noqa: E501
@click.option("--view-epochs", type=click.IntRange(min=0), default=6, show_default=True, help="Epochs of the view classifier; 0 keeps that of --init.")  # fmt: skip  # noqa: E501
@click.option("--encoder-lr", type=click.FloatRange(1e-6, 1e-2), default=5e-4, show_default=True, help="Peak learning rate of the first stage.")  # fmt: skip  # noqa: E501
@click.option("--network-lr", type=click.FloatRange(1e-6, 1e-2), default=5e-4, show_default=True, help="Peak learning rate of the second stage.")  # fmt: skip  # noqa: E501
@click.option("--balance", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Draw samples of the second stage by the share of their rarest finding to the power of minus this; 0 takes each once an epoch.")  # fmt: skip  # noqa: E501
@click.option("--batch", type=click.IntRange(min=2), default=16, show_default=True, help="Studies a step.")
@click.option("--seed", type=int, default=9233, show_default=True, help="Seed of all random numbers.")
@click.option("--limit", type=click.IntRange(min=4), help="Only this many studies of each split, to try things out.")
@click.option("--licence", default="research use only", show_default=True, help="Licence note in the manifest.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:i.")
def train(dataset: tuple[str, str], films: tuple[str, str] | None, out: Path, **options: Any) -> None:
    """Train the network; the weights of the best validation epoch are in OUT/best."""
    from cxrreport.errors import UsageError
    from cxrreport.training.dataset import READERS
    from cxrreport.training.films import FILM_READERS
    from cxrreport.training.options import TrainOptions
    from cxrreport.training.trainer import train as run

    name, directory = dataset
    if name not in READERS:
        raise UsageError(f"Known datasets: {', '.join(READERS)}.")
    if films and films[0] not in FILM_READERS:
        raise UsageError(f"Known films: {', '.join(FILM_READERS)}.")
    collection, folder = (films[0], Path(films[1])) if films else (None, None)
    named = {directory: name.upper(), str(out): "RUN"} | ({films[1]: films[0].upper()} if films else {})
    command = _command(named)
    chosen = TrainOptions(
        name, Path(directory), out, command=command, films=collection, films_directory=folder, **options
    )
    best = run(chosen, lambda facts: click.echo(json.dumps(facts), err=True))
    click.echo(str(best))


def _command(named: dict[str, str]) -> str:
    """The command line with names in place of directories; the longest first, for one may lie within another."""
    command = " ".join(["cxrreport", *sys.argv[1:]])
    for directory in sorted(named, key=len, reverse=True):
        command = command.replace(directory, named[directory])
    return command
