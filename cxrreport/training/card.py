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
    studies = sum(not s.key.startswith("phantom-") for s in samples)
    phantoms = f"; {options.phantoms} phantoms" if options.phantoms else ""
    return {
        "name": f"{options.size}-{options.dataset}",
        "version": __version__,
        "config": options.size,
        "data": f"{options.dataset} train split, {studies} studies{phantoms}; started from {origin}",
        "licence": options.licence,
        "command": options.command,
        "commit": commit(),
        "seed": options.seed,
        "preprocess_version": PREPROCESS_VERSION,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "metrics": {"split": "val", **metrics},
    }


def part_card(options: TrainOptions, data: str, metrics: dict[str, float]) -> dict[str, Any]:
    """Facts of a part of the weights that was trained after the rest."""
    return {
        "data": data, "licence": options.licence, "command": options.command, "commit": commit(), "seed": options.seed,
        "metrics": {"split": "val", **metrics},
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
