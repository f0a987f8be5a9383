"""`cxrreport train`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--dataset", nargs=2, metavar="NAME DIRECTORY", help="Dataset to learn from: iu-xray and its directory. Without, the archive of the home.")  # fmt: skip  # noqa: E501
@click.option("--films", nargs=2, metavar="NAME DIRECTORY", help="Labelled films without reports for the encoder: nih and its directory.")  # fmt: skip  # noqa: E501
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run directory: checkpoints, metrics.jsonl, best weights. A killed run goes on here.")  # fmt: skip  # noqa: E501
@click.option("--config", "size", type=click.Choice(["base", "mini", "tiny"]), help="Size of the network: mini, or that of the weights of --init.")  # fmt: skip  # noqa: E501
@click.option("--init", type=click.Path(path_type=Path), help="Weights directory to fine-tune from.")
@click.option("--encoder-weights", type=click.Path(path_type=Path), metavar="FILE", help="Encoder to start from, safetensors with torchvision's names: ResNet-101 for base, MobileNetV2 for mini; not with --init.")  # fmt: skip  # noqa: E501
@click.option("--bert", type=click.Path(path_type=Path), metavar="DIRECTORY", help="BERT to start from, model.safetensors and vocab.txt: of BERT-base's width for base; not with --init.")  # fmt: skip  # noqa: E501
@click.option("--phantoms", type=click.IntRange(min=0), default=0, show_default=True, help="Procedural studies to learn from as well.")  # fmt: skip  # noqa: E501
@click.option("--encoder-epochs", type=click.IntRange(min=0), default=6, show_default=True, help="Epochs of the first stage: encoder and retrieval.")  # fmt: skip  # noqa: E501
@click.option("--network-epochs", type=click.IntRange(min=0), default=10, show_default=True, help="Epochs of the second stage: FAM, findings and decoder; 0 keeps those of --init.")  # fmt: skip  # noqa: E501
@click.option("--view-epochs", type=click.IntRange(min=0), default=6, show_default=True, help="Epochs of the view classifier; 0 keeps that of --init.")  # fmt: skip  # noqa: E501
@click.option("--pair-epochs", type=click.IntRange(min=0), default=0, show_default=True, help="Epochs of the stage of pairs: what changed since the prior. Without, weights whose encoder or network is trained compare nothing.")  # fmt: skip  # noqa: E501
@click.option("--prior-epochs", type=click.IntRange(min=0), default=0, show_default=True, help="Epochs of the stage of priors: the decoder learns to read the prior and its report. It needs weights that compare pairs.")  # fmt: skip  # noqa: E501
@click.option("--phantom-pairs", type=click.IntRange(min=0), default=0, show_default=True, help="Procedural pairs of films for the stage of pairs.")  # fmt: skip  # noqa: E501
@click.option("--film-pairs", type=click.IntRange(min=0), default=2, show_default=True, help="Pairs with inserted lesions of each frontal film for the stage of pairs.")  # fmt: skip  # noqa: E501
@click.option("--encoder-lr", type=click.FloatRange(1e-6, 1e-2), default=5e-4, show_default=True, help="Peak learning rate of the first stage.")  # fmt: skip  # noqa: E501
@click.option("--network-lr", type=click.FloatRange(1e-6, 1e-2), default=5e-4, show_default=True, help="Peak learning rate of the second stage.")  # fmt: skip  # noqa: E501
@click.option("--pair-lr", type=click.FloatRange(1e-6, 1e-2), default=5e-4, show_default=True, help="Peak learning rate of the stage of pairs.")  # fmt: skip  # noqa: E501
@click.option("--prior-lr", type=click.FloatRange(1e-6, 1e-2), default=1e-3, show_default=True, help="Peak learning rate of the stage of priors.")  # fmt: skip  # noqa: E501
@click.option("--ablation", metavar="NAME", help="Train a row of the papers' ablations instead of the whole network, such as promptmrg, without-difference, without-scl or trar; not with --init.")  # fmt: skip  # noqa: E501
@click.option("--balance", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Draw samples of the second stage by the share of their rarest finding to the power of minus this; 0 takes each once an epoch.")  # fmt: skip  # noqa: E501
@click.option("--copies", type=click.IntRange(1, 64), default=3, show_default=True, help="Variants of each film, the plain one among them, whose features the second stage keeps.")  # fmt: skip  # noqa: E501
@click.option("--batch", type=click.IntRange(min=2), default=16, show_default=True, help="Studies a step.")
@click.option("--checkpoint-minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="How often a checkpoint is written within an epoch; 0 writes one after each epoch only.")  # fmt: skip  # noqa: E501
@click.option("--seed", type=int, default=9233, show_default=True, help="Seed of all random numbers.")
@click.option("--limit", type=click.IntRange(min=4), help="Only this many studies of each split, to try things out.")
@click.option("--licence", default="research use only", show_default=True, help="Licence note in the manifest.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:i.")
@click.pass_context
def train(
    ctx: click.Context, /, dataset: tuple[str, str] | None, films: tuple[str, str] | None, out: Path, **options: Any
) -> None:
    """Train the network; the weights of the best validation epoch are in OUT/best.

    Without --dataset it learns from the archive: studies with a frontal film and a signed report with findings. Films
    whose tags do not tell the view are used once `cxrreport generate` has looked at them. Patients are split by a
    digest of issuer and number, about 80 % train, 10 % val, 10 % test, the same whoever else comes. A run that goes on
    keeps to the studies that it was begun with. All are held in memory: 131 kB of films each and, for size mini, 0.75
    MB of features in three copies, so that 16 GB hold some 15,000. The stage of pairs holds another 0.4 MB for each
    pair, and twice that for a moment. With --films nih it also learns from the follow-ups of that collection.
    """
    from cxrreport.datasets.archive import ARCHIVE, open_dataset
    from cxrreport.datasets.nih import FILM_READERS
    from cxrreport.errors import UsageError
    from cxrreport.training.options import TrainOptions, check_ablation, resolve_size
    from cxrreport.training.trainer import train as run

    read = open_dataset((dataset[0], Path(dataset[1])) if dataset else None, ctx.obj)
    if films and films[0] not in FILM_READERS:
        raise UsageError(f"Known films: {', '.join(FILM_READERS)}.")
    name, directory = (dataset[0], Path(dataset[1])) if dataset else (ARCHIVE, ctx.obj.home)
    collection, folder = (films[0], Path(films[1])) if films else (None, None)
    named = {dataset[1]: name.upper()} if dataset else {}
    named |= {films[1]: films[0].upper()} if films else {}
    named |= {str(value): word for word, value in _places(ctx, out, options).items() if value}
    check_ablation(options["ablation"], options["init"])
    options["size"] = resolve_size(options["size"], options["init"])
    chosen = TrainOptions(
        name, directory, out, command=_command(named), films=collection, films_directory=folder, **options
    )
    best = run(chosen, lambda facts: click.echo(json.dumps(facts), err=True), read)
    click.echo(str(best))


def _places(ctx: click.Context, out: Path, options: dict[str, Any]) -> dict[str, Any]:
    """What the recorded command must not tell: directories, and the URL of a database, which may hold a password."""
    group = ctx.find_root().params
    of_group = {name.upper(): group.get(name) for name in ("home", "db", "config")}
    return of_group | {name.upper(): options[name] for name in ("init", "encoder_weights", "bert")} | {"RUN": out}


def _command(named: dict[str, str]) -> str:
    """The command line with names in place of places."""
    words = []
    for argument in sys.argv[1:]:
        option, equals, value = argument.partition("=")
        place = _same(named, value) if equals and option.startswith("--") else None
        words.append(f"{option}={place}" if place else _same(named, argument) or argument)
    return " ".join(["cxrreport", *words])


def _same(named: dict[str, str], argument: str) -> str | None:
    """The name of a place, however its path is written."""
    return named.get(argument) or named.get(str(Path(argument)))
