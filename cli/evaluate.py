"""`cxrreport evaluate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from cxrreport.cli.calibrate import reliability_rows
from cxrreport.cli.film_tables import print_films, print_subgroups
from cxrreport.cli.options import DATASETS, named, print_left_out, progress

if TYPE_CHECKING:
    from cxrreport.settings import Settings

_TABLES = {
    "Errors that would change what is done, per report; faults per 100 drafts": (
        *("actionable_errors", "unlicensed_per_100", "contradictions_per_100", "invented_comparisons_per_100"),
        *("wrong_negatives_per_100", "missed_positives_per_100", "broken_per_100"),
    ),
    "Language": ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider"),
    "Clinical content, by report": ("example_precision", "example_recall", "example_f1"),
    "Clinical content, pooled and by finding": (
        *("micro_precision", "micro_recall", "micro_f1", "macro_precision", "macro_recall", "macro_f1"),
    ),
    "What texts are made of": ("distinct", "copied_share", "hallucination_rate"),
}
_DIFFERENCES = ("actionable_errors", "bleu_4", "rouge_l", "example_f1", "micro_f1", "macro_f1")
_OF_DRAFTS = ("texts", "beside", "chexbert", "curves", "protocol", "beams")
_PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--dataset",
    type=(str, _PATH),
    metavar="NAME DIRECTORY",
    help=f"Dataset with reports, {DATASETS}, and its directory;"
    " without, the studies of the archive that have a signed report.",
)
@click.option(
    "--films",
    type=(str, _PATH),
    metavar="NAME DIRECTORY",
    help="Labelled films instead of drafts: nih and its directory. With --dataset the network retrieves from its reports.",
)
@click.option(
    "--pairs",
    type=click.IntRange(min=0),
    default=200,
    metavar="N",
    help="With --films: so many of its follow-ups are read, too.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    default="test",
    help="Split to score; test of films is of the patients who are held out.",
)
@click.option(
    "--protocol",
    type=click.Choice(["C", "R"]),
    default="C",
    help="Form of the texts that are compared: C full references, cleaned; R as R2Gen.",
)
@click.option("--weights", type=_PATH, help="Weights directory.")
@click.option(
    "--beside",
    callback=named,
    multiple=True,
    metavar="NAME=DIR",
    help="Weights for a further row, such as ones trained without the differences; may come several times.",
)
@click.option("--beams", type=click.IntRange(1, 16), default=3, help="Width of the beam search.")
@click.option("--chexbert", type=_PATH, help="Directory of CheXbert's weights, to label with it instead of the rules.")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda or cuda:i.")
@click.option("--limit", type=click.IntRange(min=2), help="Only this many studies or films, to try things out.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the bootstrap and of the random reports.")
@click.option(
    "--out",
    type=_PATH,
    help="Write the JSON document to this file, or into this directory; scores of films stay there for the next time.",
)
@click.option(
    "--texts",
    type=_PATH,
    help="Write references and drafts to this CSV file. They are report texts: mind who can read it.",
)
@click.option(
    "--curves",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write the reliability curves into this directory, as reliability.png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def evaluate(
    settings: Settings, /, dataset: tuple[str, Path] | None, films: tuple[str, Path] | None, pairs: int,
    beside: list[tuple[str, str]], out: Path | None, texts: Path | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Score drafts of a labelled split beside baselines, with 95 % bootstrap intervals.

    Always beside: a constant report (chosen on val), the nearest reports by text and by image, the retrieved report
    that agrees best with the network's findings, a random report, no text and a normal report; the published systems
    where they can be compared.
    METEOR is measured where the extra cxrreport[meteor] and Java are installed.

    With --films no text is drafted: what the table of findings would say of each film stands beside its labels, by
    finding, by subgroup and of follow-ups (docs/evaluation.md).
    """
    if films is not None:
        _refuse(_OF_DRAFTS, "of drafts, not of --films")
        _evaluate_films(settings, films, dataset, pairs, out, as_json, options)
        return
    _refuse(("pairs",), "of --films")
    from cxrreport.datasets.archive import open_dataset
    from cxrreport.evaluation.evaluate import EvaluateOptions
    from cxrreport.evaluation.evaluate import evaluate as run
    from cxrreport.evaluation.output import check_places, place_document, write_texts
    from cxrreport.files import write_json

    read = open_dataset(dataset, settings)
    document = place_document(out, read.name, options["split"], options["protocol"]) if out is not None else None
    check_places(document, texts)
    found = run(EvaluateOptions(read, beside=tuple((name, Path(directory)) for name, directory in beside), **options))
    if texts is not None:
        write_texts(texts, found)
    if document is not None:
        write_json(document, found.document, indent=1)
    if as_json:
        click.echo(json.dumps(found.document))
    else:
        _print(found.document)


def _refuse(names: Sequence[str], what: str) -> None:
    """Refuse options that have no effect beside the others, wherever they were given."""
    source = click.get_current_context().get_parameter_source
    if given := [f"--{name}" for name in names if source(name) is not ParameterSource.DEFAULT]:
        raise click.UsageError(f"{', '.join(given)}: {what}.")


def _evaluate_films(
    settings: Settings, films: tuple[str, Path], dataset: tuple[str, Path] | None, pairs: int, out: Path | None,
    as_json: bool, options: dict[str, Any],
) -> None:  # fmt: skip
    from cxrreport.datasets.archive import open_dataset
    from cxrreport.evaluation.output import check_places, place_document
    from cxrreport.files import write_json
    from cxrreport.trust.films import FilmOptions, evaluate_films

    document = place_document(out, films[0], options["split"]) if out is not None else None
    check_places(document, None)
    read = open_dataset(dataset, settings) if dataset else None
    shared = {name: options[name] for name in ("split", "weights", "device", "limit", "seed")}
    keep = document.parent if document else None
    with progress() as tell:
        found = evaluate_films(FilmOptions(*films, read=read, keep=keep, pairs=pairs, **shared), tell)
    if document is not None:
        write_json(document, found, indent=1)
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_films(found)


def _print(found: dict[str, Any]) -> None:
    from cxrreport.cli.status import print_table

    where = "{dataset} {split}, {studies} studies, protocol {protocol}, beams {beams}".format(**found)
    for title, scores in _TABLES.items():
        rows = [[name, *(_value(row[s], s == "distinct") for s in scores)] for name, row in found["rows"].items()]
        print_table(f"{title}: {where}", ["row", *(score.replace("_", " ") for score in scores)], rows)
    print_table(f"95 % intervals: {where}", ["row", *_DIFFERENCES], _intervals(found))
    print_table(f"Findings of the network: {where}", ["score", "value", "95 %"], _states(found))
    print_table(f"F1 by finding: {where}", ["finding", "positives", *found["findings"]], _by_finding(found))
    reliability = ["finding", "films", "ECE", "after", "Brier", "after"]
    print_table(f"Reliability of probabilities: {where}", reliability, reliability_rows(found["reliability"]))
    print_subgroups(found["subgroups"], where)
    if found["published"]:
        scores = _TABLES["Language"][:-1]
        rows = [[row["model"], *(_value(row[s]) for s in scores), row["source"]] for row in found["published"]]
        print_table(f"Published, not run by us: {where}", ["model", *scores, "source"], rows)
    click.echo(f"Labels: {found['labels']}. METEOR: {found['meteor']}.")
    print_left_out(found["skipped"])
    for note in found["notes"]:
        click.echo(note)


def _intervals(found: dict[str, Any]) -> list[list[str]]:
    """Of our scores, and of ours minus each other row."""
    rows = [["cxrreport", *(_bounds(*found["intervals"]["cxrreport"][s]) for s in _DIFFERENCES)]]
    for name, row in found["differences"].items():
        rows.append([f"minus {name}", *(_bounds(row[s]["low"], row[s]["high"]) for s in _DIFFERENCES)])
    return rows


def _states(found: dict[str, Any]) -> list[list[str]]:
    bounds = found["state_intervals"]
    return [[name, _value(value), _bounds(*(bounds.get(name) or ()))] for name, value in found["states"].items()]


def _by_finding(found: dict[str, Any]) -> list[list[str]]:
    rows = found["findings"].values()
    return [[f, str(n), *(_value(row[f]["f1"]) for row in rows)] for f, n in found["positives"].items()]


def _value(value: float | None, whole: bool = False) -> str:
    return "-" if value is None else f"{value:.{0 if whole else 3}f}"


def _bounds(*bounds: float) -> str:
    return " to ".join(f"{bound:.3f}" for bound in bounds)
