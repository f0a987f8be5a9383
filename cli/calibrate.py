"""`cxrreport calibrate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from cxrreport.cli.options import DATASETS, print_left_out, print_result, progress, settings_with

_PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--undo", type=click.Choice(["archive", "weights"]), is_flag=False, flag_value="archive",
    help="Take the last fit back, to the archive (by default) or of the weights; what served before it serves again.",
)  # fmt: skip
@click.option(
    "--dataset", type=(str, _PATH), metavar="NAME DIRECTORY",
    help=f"Fit the weights instead, to the val split of a dataset, {DATASETS},"
    " and its directory.",
)  # fmt: skip
@click.option(
    "--films", "images", type=(str, _PATH), metavar="NAME DIRECTORY",
    help="With --dataset: labelled films to fit to as well, nih and its directory.",
)  # fmt: skip
@click.option(
    "--reference-only", is_flag=True,
    help="With --dataset: fit nothing but the groups of training films that tell how unusual a film is.",
)  # fmt: skip
@click.option("--weights", type=_PATH, help="Weights directory.")
@click.option("--device", metavar="DEVICE", help="With --dataset: auto, cpu, cuda or cuda:i.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def calibrate(
    ctx: click.Context, /, undo: str | None, dataset: tuple[str, Path] | None, images: tuple[str, Path] | None,
    reference_only: bool, as_json: bool, **flags: Any,
) -> None:  # fmt: skip
    """Fit probabilities, and the bounds that decide the states, to the archive's own signed reports.

    It takes 200 studies with a signed report and a draft of the weights in use. The next `generate` drafts with the
    result; drafts that are there stay. With --dataset everything that is fitted to the network's scores is fitted anew
    and put beside the weights, as their manifest then says; without --weights these are the ones that are installed.
    """
    if (undo and (dataset or images)) or ((images or reference_only) and not dataset):
        raise click.UsageError("--undo stands alone, and --films and --reference-only go with --dataset.")
    settings = settings_with(ctx, **flags)
    if undo:
        print_result(_undo(settings, undo), as_json)
        return
    found = _calibrate(settings, dataset, images, reference_only)
    if as_json:
        click.echo(json.dumps(found))
    elif reference_only:
        click.echo(f"Groups of training films {found['reference'][:12]} lie beside the weights.")
        print_left_out(found["skipped"])
    else:
        _print(found)


def _undo(settings: Any, fit: str) -> dict[str, Any]:
    if fit == "archive":
        from cxrreport.trust.archive import undo_calibration

        return undo_calibration(settings)
    from cxrreport.trust.datasets import undo_weights

    return undo_weights(settings.weights)


def _calibrate(
    settings: Any, dataset: tuple[str, Path] | None, images: tuple[str, Path] | None, reference_only: bool
) -> dict[str, Any]:  # fmt: skip
    if dataset is None:
        from cxrreport.trust.archive import calibrate_archive

        with progress() as tell:
            return calibrate_archive(settings, tell)
    from cxrreport.datasets.archive import open_dataset
    from cxrreport.trust.datasets import calibrate_weights

    with progress() as tell:
        read = open_dataset(dataset, settings)
        return calibrate_weights(settings.weights, read, images, settings.devices[0], tell, reference_only)


def _print(found: dict[str, Any]) -> None:
    from cxrreport.cli.status import print_table

    rows = [
        [finding, group, facts["films"], facts["positives"], facts["rule"], *_bounds(facts)]
        for finding, groups in found["findings"].items()
        for group, facts in groups.items()
    ]
    columns = [
        "finding",
        "view",
        "films",
        "positives",
        "called by",
        "called from",
        "precision",
        "sensitivity",
        "denied below",
    ]
    print_table(f"Calibration {found['sha256'][:12]}", columns, rows)
    print_left_out(found.get("skipped", {}))
    named = found["reliability"] if "studies" not in found else {"archive": found["reliability"]}
    for name, one in named.items():
        print_table(
            f"Reliability: {name}", ["finding", "films", "ECE", "after", "Brier", "after"], reliability_rows(one)
        )


def _bounds(facts: dict[str, Any]) -> list[str]:
    called = "never" if facts["positive"] is None else f"{facts['positive']:.3f}"
    return [called, f"{facts['precision']:.2f}", f"{facts['sensitivity']:.2f}", f"{facts['negative']:.4f}"]


def reliability_rows(found: dict[str, Any]) -> list[list[Any]]:
    """Films, and each score before and after calibration, finding by finding and as means."""
    rows = [(finding, row["films"], row) for finding, row in found["findings"].items()]
    return [
        [name, films, *(f"{row[score][when]:.3f}" for score in ("ece", "brier") for when in ("before", "after"))]
        for name, films, row in [*rows, ("mean", "", found["mean"])]
    ]
