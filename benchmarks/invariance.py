"""How many states of a film move because of a prior that tells of no change; run by `benchmarks.temporal --invariance`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pair_sets import still_sets
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.datasets.sample import make_sample
from cxrreport.model.drafter import Drafter
from cxrreport.model.tie import Tie
from cxrreport.trust.pairs import Beside, read_pairs, share_moved, strangers, unchanged

FILMS = 60
STRANGER, FOLLOWUP = "another patient's prior", "a real follow-up whose labels agree"
# The most that may move: 0 where the prior is the same file.
GOALS = {"the same file": 0.0, STRANGER: 0.03}
GOAL = 0.02


def measure_invariance(drafter: Drafter, directory: Path, films: int = FILMS) -> list[dict[str, Any]]:
    """Lines of a table: of films of NIH's held-out patients, whom nothing was fitted to."""
    pairs = unchanged(directory, films, "held out")
    return [_line(name, drafter, made) for name, made in invariant_sets(pairs).items()]


def invariant_sets(pairs: Sequence[PairSample]) -> dict[str, list[PairSample]]:
    """Current films beside priors that tell of no change, by kind."""
    samples = [make_sample(p.key, p.patient, [p.current, None], "", "") for p in pairs]
    sets = {name: list(made) for name, made in still_sets(samples).items()}
    return {**sets, FOLLOWUP: list(pairs), STRANGER: strangers(pairs)}


def _line(name: str, drafter: Drafter, pairs: Sequence[PairSample]) -> dict[str, Any]:
    fitted = drafter.weights.calibration
    tie = fitted.tie if fitted else Tie()
    read = list(read_pairs(drafter, pairs, fitted))
    return {
        "of": "", "row": name, "pairs": len(read), "states moved": share_moved(read, tie),
        "probabilities moved": float(np.mean([one for pair in read for one in probabilities_moved(pair, tie)])),
        "at most": GOALS.get(name, GOAL),
    }  # fmt: skip


def probabilities_moved(pair: Beside, tie: Tie) -> list[bool]:
    """Of each finding, whether its probability beside the prior is another one than alone."""
    return [a.probability != b.probability for a, b in zip(pair.now, pair.table(tie), strict=True)]
