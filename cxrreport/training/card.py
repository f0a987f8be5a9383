"""The model card in the manifest of trained weights: data, origin, command and commit."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxrreport import __version__
from cxrreport.datasets.sample import Sample
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.training.options import TrainOptions


def make_card(
    options: TrainOptions, samples: Sequence[Sample], origin: str, metrics: dict[str, Any]
) -> dict[str, Any]:  # fmt: skip
    """Facts of the manifest. samples: the training split with its phantoms; origin: what the weights started from."""
    size, studies = options.recipe.size, sum(not s.key.startswith("phantom-") for s in samples)
    phantoms = f"; {options.recipe.phantoms} phantoms" if options.recipe.phantoms else ""
    data = f"{options.dataset} train split, {studies} studies{phantoms}; started from {origin}"
    return {
        "name": f"{size}-{options.dataset}", "version": __version__, "config": size, **part_card(options, data, metrics),
        "preprocess_version": PREPROCESS_VERSION, "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


def part_card(options: TrainOptions, data: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """Facts of the weights, or of a part that was trained after the rest."""
    recipe = options.recipe
    return {
        "data": data, "licence": recipe.licence, "command": options.command, "commit": commit(), "seed": recipe.seed,
        "recipe": recipe.model_dump(), "metrics": {"split": "val", **metrics},
    }  # fmt: skip


def commit() -> str:
    """Commit of the checkout that holds this package; "" where git is missing or no checkout tracks the package."""
    here = Path(__file__)
    tracked = _git(here.parent, "ls-files", "--error-unmatch", here.name)
    return _git(here.parent, "rev-parse", "HEAD") if tracked else ""


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; "" where it fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
