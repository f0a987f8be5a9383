"""How far the training in a run directory has come."""

from __future__ import annotations

import json
import math
from pathlib import Path

from cxrreport.errors import UsageError
from cxrreport.training.checkpoint import finished_epochs
from cxrreport.training.options import TrainOptions
from cxrreport.training.pair_training import CHECKPOINT as PAIRS
from cxrreport.training.prior_training import CHECKPOINT as PRIORS
from cxrreport.training.upright_stage import CHECKPOINT as UPRIGHT

NETWORK = "network.safetensors"  # checkpoint of the network's stage
BEST = "best"  # weights of the best epoch


def is_finished(options: TrainOptions) -> bool:
    """Whether every stage is done."""
    r = options.recipe
    later = ((PAIRS, r.pair_epochs), (PRIORS, r.prior_epochs), (UPRIGHT, r.upright_epochs))
    return has_network(options) and all(finished_epochs(options.out / name) >= epochs for name, epochs in later)


def has_network(options: TrainOptions) -> bool:
    """Whether the network's stage is done; without network epochs the weights are saved once, at its end."""
    if not options.recipe.network_epochs:
        return (options.out / BEST / "manifest.json").exists()
    return finished_epochs(options.out / NETWORK) >= options.recipe.network_epochs


def best_so_far(out: Path) -> float:
    """The score that chose the weights in BEST, -1 without any. Raises UsageError where their manifest is damaged."""
    manifest = out / BEST / "manifest.json"
    try:
        best = float(json.loads(manifest.read_text())["metrics"]["selection"]) if manifest.exists() else -1.0
        if not math.isfinite(best):
            raise ValueError
        return best
    except (ValueError, KeyError, TypeError):
        raise UsageError("The best/manifest.json of the run directory is damaged: name another --out.") from None
