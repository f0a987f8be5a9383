"""`cxrreport train`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from cxrreport.cli.options import DATASETS

from cxrreport.training.recipes import shipped_recipes

PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--dataset", type=(str, PATH), metavar="NAME DIRECTORY",
    help=f"Dataset to learn from, {DATASETS}, and its directory. Without, the archive"
    " of the home.",
)  # fmt: skip
@click.option(
    "--films", "images", type=(str, PATH), metavar="NAME DIRECTORY",
    help="Labelled films without reports to learn findings and changes from: nih and its directory.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=PATH,
    help="Run directory: checkpoints, metrics.jsonl, best weights. A killed run goes on here.",
)  # fmt: skip
@click.option(
    "--recipe", metavar="NAME|FILE",
    help=f"What to train and how: {', '.join(shipped_recipes())} or a TOML file;"
    " without, mini or that of the size of --init.",
)  # fmt: skip
@click.option("--init", metavar="DIRECTORY", help="Weights directory to fine-tune from; default: the shipped weights.")
@click.option(
    "--encoder-weights", type=PATH, metavar="FILE",
    help="Encoder to start from, safetensors with torchvision's names: ResNet-101 for base, MobileNetV2 for mini.",
)  # fmt: skip
@click.option(
    "--bert", type=PATH, metavar="DIRECTORY",
    help="BERT to start from, model.safetensors and vocab.txt: of BERT-base's width for base.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=4),
    help="Only this many studies, films and follow-ups of each split, to try things out.",
)  # fmt: skip
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda or cuda:i.")
@click.pass_context
def train(
    ctx: click.Context, /, dataset: tuple[str, Path] | None, images: tuple[str, Path] | None, recipe: str | None,
    init: str | None, **options: Any,
) -> None:  # fmt: skip
    """Train the network; the weights of the best validation epoch are in OUT/best.

    Without --dataset it learns from the archive: studies with a frontal film and a signed report with findings. Patients
    are split by a digest of issuer and number, about 80 % train, 10 % val, 10 % test, the same whoever else comes. A run
    that goes on keeps to the studies that it was begun with. docs/training.md tells of data, recipes, time and memory.
    """
    from cxrreport.datasets.archive import ARCHIVE, open_dataset
    from cxrreport.datasets.nih import IMAGE_READERS
    from cxrreport.errors import UsageError
    from cxrreport.model.manifest import default_directory
    from cxrreport.training.options import TrainOptions, choose_recipe
    from cxrreport.training.ranks import leads
    from cxrreport.training.trainer import train as run

    read = open_dataset(dataset, ctx.obj)
    if images and images[0] not in IMAGE_READERS:
        raise UsageError(f"Known films: {', '.join(IMAGE_READERS)}.")
    name, directory = dataset or (ARCHIVE, ctx.obj.home)
    collection, folder = images or (None, None)
    start = default_directory() if init == "default" else Path(init) if init else None
    places = {
        **{kind.upper(): place for kind, place in filter(None, (dataset, images))},
        **{option.upper(): ctx.find_root().params.get(option) for option in ("home", "db", "config")},
        **{option.upper(): options[option] for option in ("encoder_weights", "bert")},
        "INIT": None if init == "default" else init, "RUN": options["out"],
        "RECIPE": recipe if recipe and Path(recipe).is_file() else None,
    }  # fmt: skip
    chosen = TrainOptions(
        name, directory, recipe=choose_recipe(recipe, start), init=start, films=collection, films_directory=folder,
        command=_command({str(place): word for word, place in places.items() if place}), **options,
    )  # fmt: skip
    best = run(chosen, lambda facts: click.echo(json.dumps(facts), err=True), read)
    if leads():
        click.echo(str(best))


def _command(named: dict[str, str]) -> str:
    """The command line with names in place of places, of which a database's URL may hold a password."""
    words = []
    for argument in sys.argv[1:]:
        option, equals, value = argument.partition("=")
        place = _same(named, value) if equals and option.startswith("--") else None
        words.append(f"{option}={place}" if place else _same(named, argument) or argument)
    return " ".join(["cxrreport", *words])


def _same(named: dict[str, str], argument: str) -> str | None:
    """The name of a place, however its path is written."""
    return named.get(argument) or named.get(str(Path(argument)))
