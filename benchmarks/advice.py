"""Whether what `cxrreport trust recommend` says is so: made-up archives whose truth is known.

    python -m benchmarks.advice                           # 60 archives of each kind, 1,500 studies each
    python -m benchmarks.advice --seeds 200 --studies 400

Scores of 14 findings are drawn, and the truth from them: as they say, from flatter and lower curves, or, of three findings,
from the scores of others. The calibration in use is fitted to many films of the first kind. In that kind nothing is to be
recommended, in the second to calibrate, in the third both; the gain that is told is compared with that on 20,000 new films.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from benchmarks.arguments import make_parser, positive
from cxrreport.findings import FINDINGS
from cxrreport.model.calibration import Calibration, sigmoid
from cxrreport.records import View
from cxrreport.trust.fit import fit_calibration
from cxrreport.trust.gain import Way, gains
from cxrreport.trust.recommend import advise
from cxrreport.trust.scored import Scored

KINDS = ("as they say", "flatter and lower", "in other scores")
_NEW = 20_000
_OFF = (0.7, -0.4)  # slope and offset of what is flatter and lower
_BORROWED = 3  # findings whose truth lies in the score of the next one


def archive(kind: str, count: int, seed: int) -> Scored:
    """Films, two of a patient, half AP; a fifth of the positives of common findings, less of rare ones."""
    rng = np.random.default_rng(seed)
    centres = np.linspace(-1.0, -4.0, len(FINDINGS))
    logits = rng.normal(centres, 1.5, (count, len(FINDINGS)))
    slope, offset = _OFF if kind == KINDS[1] else (1.0, 0.0)
    true = slope * logits + offset
    if kind == KINDS[2]:
        true[:, :_BORROWED] = 0.5 * logits[:, :_BORROWED] + logits[:, 1 : _BORROWED + 1] + 1.0
    found = rng.random(logits.shape) < sigmoid(true)
    views = [View.AP if i % 2 else View.PA for i in range(count)]
    patients = [f"{i // 2 % 10} {i // 2}" for i in range(count)]
    return Scored(kind, sigmoid(logits), found, np.ones(found.shape, bool), views, patients)


def came_true(films: Scored, new: Scored, used: Calibration) -> float:
    """Gain in log loss of a fit to all films of the archive on new ones."""
    after = Way.of(fit_calibration([films], "", used), new)
    return float(gains(Way.of(used, new), after, new)["log_loss"]["gain"])


def measure(kind: str, studies: int, seeds: int) -> dict[str, object]:
    """Shares of archives of a kind for which each was recommended, and of intervals that hold the gain that came."""
    used = fit_calibration([archive(KINDS[0], _NEW, 10**6)], "")
    new, rows = archive(kind, _NEW, 10**6 + 1), []
    new = replace(new, patients=[str(i) for i in range(100)] * (_NEW // 100))  # no interval is asked for
    for seed in range(seeds):
        films = archive(kind, studies, seed)
        held_out = np.arange(studies) // 2 % 10 < 2
        found = advise(films, held_out, used, used)
        told = found["calibrate"]["measures"]["log_loss"]
        came = came_true(films, new, used)
        rows.append(
            [
                found["calibrate"]["recommended"],
                found["train"]["recommended"],
                told["gain"],
                came,
                told["low"] <= came <= told["high"],
            ]
        )
    calibrate, train, told_gain, came_gain, held = np.array(rows, float).mean(0).round(4).tolist()
    shares = {"calibrate": calibrate, "train": train, "told": told_gain, "came": came_gain, "held": held}
    return {"kind": kind, "studies": studies, "archives": seeds, **shares}


def main(argv: list[str] | None = None) -> None:
    """Print a line of JSON for each kind."""
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=positive, default=60, help="archives of each kind")
    parser.add_argument("--studies", type=positive, default=1500, help="judged studies of each")
    asked = parser.parse_args(argv)
    for kind in KINDS:
        print(json.dumps(measure(kind, asked.studies, asked.seeds)), flush=True)


if __name__ == "__main__":
    main()
