"""Real follow-ups read by a straight line: what the network that compares has to beat.

    python -m benchmarks.straight_line --nih NIH [--weights W] [--limit 200] [--split test]

A logistic reading of both films' pooled features by the frozen encoder says what is new and what is resolved. It learns from
the follow-ups of the training patients, its L2 is chosen on those of validation. Beside it stand the network that compares,
which registers the prior, and the difference of two films judged alone, on the same follow-ups of adults. Every bound is the
best for those of validation, so that only `--split test`, the held-out patients, tells what it is worth elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.arguments import make_parser, positive
from cxrreport.datasets.disk import read_film
from cxrreport.datasets.nih import read_nih_films
from cxrreport.datasets.pairs.nih import FollowUp, read_follow_ups
from cxrreport.datasets.splits import drawn
from cxrreport.drafting.drafter import open_drafter
from cxrreport.evaluation.clinical import auc
from cxrreport.evaluation.counts import draw_counts
from cxrreport.evaluation.films import Floats
from cxrreport.evaluation.followups import KINDS, FollowedUp, best_bound, joint_states, told_f1
from cxrreport.model.drafter import Drafter
from cxrreport.model.progression import FOLLOWED
from cxrreport.model.weights import load_weights
from cxrreport.records import ADULT, PreparedStudy
from cxrreport.trust.followups import compare_follow_ups, followed_up, shares_of

SPLITS = {"val": "val", "test": "held out"}
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_STEPS, _BATCH, _RARE = 150, 32, -3.0  # the last: log odds to begin with


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """n follow-ups: pooled features of both films (n, 2C), joint states and what is known of them (n, 13)."""

    features: Floats
    joint: np.ndarray
    known: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A logistic reading: features are brought to `mean` and `spread` (2C,), then weighed by `weight` (2C, 26)."""

    mean: Floats
    spread: Floats
    weight: Floats
    offset: Floats

    def scores(self, features: Floats) -> dict[str, Floats]:
        """Log odds of each kind of change (n, 13)."""
        logits = (features - self.mean) / self.spread @ self.weight + self.offset
        return dict(zip(KINDS, np.split(logits, len(KINDS), axis=1), strict=True))


def fit(told: Told, penalty: float) -> Line:
    """The reading that is likeliest for follow-ups, less `penalty` times the squared weights. Equal ones give an equal line."""
    mean, spread = told.features.mean(0), told.features.std(0) + 1e-6
    x = torch.from_numpy((told.features - mean) / spread).float()
    true, known = (
        torch.from_numpy(np.concatenate(parts, axis=1)).float()
        for parts in ([told.joint == state for state in KINDS.values()], [told.known] * len(KINDS))
    )
    weight = torch.zeros(x.shape[1], true.shape[1], requires_grad=True)
    offset = torch.full((true.shape[1],), _RARE, requires_grad=True)
    descent = torch.optim.LBFGS([weight, offset], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        descent.zero_grad()
        wrong = F.binary_cross_entropy_with_logits(x @ weight + offset, true, known, reduction="sum") / len(x)
        found: torch.Tensor = wrong + penalty * weight.square().sum()
        found.backward()
        return found

    descent.step(loss)
    return Line(mean, spread, weight.detach().numpy().astype(np.float64), offset.detach().numpy().astype(np.float64))


def choose(train: Told, val: Told) -> tuple[float, Line]:
    """The penalty whose line is surest of what is so in validation: by mean AUC of both kinds. The first of equal ones."""
    lines = {penalty: fit(train, penalty) for penalty in PENALTIES}
    best = max(
        lines, key=lambda penalty: float(np.mean(list(areas(val, lines[penalty].scores(val.features)).values())))
    )
    return best, lines[best]


def areas(told: Told | FollowedUp, scores: Mapping[str, Floats]) -> dict[str, float]:
    """AUC of scores (n, 13) over all findings that are known, by kind."""
    return {kind: auc((told.joint == state)[told.known], scores[kind][told.known]) for kind, state in KINDS.items()}


def rows(
    val: FollowedUp, asked: FollowedUp, of_val: Mapping[str, Floats], of_asked: Mapping[str, Floats], seed: int = 0
) -> dict[str, dict[str, float]]:
    """F1 of each kind at the bound that is best for validation, with what is there, said and right; AUC without a bound."""
    names, owner = np.unique(asked.patients, return_inverse=True)
    draws = draw_counts(len(names), seed)[:, owner]
    found = areas(asked, of_asked)
    return {
        kind: told_f1(asked, kind, of_asked[kind] >= best_bound(val, kind, of_val[kind]), draws) | {"auc": found[kind]}
        for kind in KINDS
    }


def adult_pairs(directory: Path, split: str) -> list[FollowUp]:
    """Follow-ups of a split of whose later film an adult is."""
    adults = {film.path for film in read_nih_films(directory, split) if film.age is None or film.age >= ADULT}
    return [pair for pair in read_follow_ups(directory, split) if pair.current in adults]


def told_of(pairs: Sequence[FollowUp], features: Mapping[Path, Floats]) -> Told:
    """Features and labels of follow-ups."""
    columns = len(FOLLOWED)
    now, before, known = (np.stack([getattr(p, n)[:columns] for p in pairs]) for n in ("now", "before", "known"))
    both = np.stack([np.concatenate([features[p.current], features[p.prior]]) for p in pairs])
    return Told(both.astype(np.float64), joint_states(now, before), known)


@torch.inference_mode()
def pool(drafter: Drafter, films: Collection[Path]) -> dict[Path, Floats]:
    """Pooled features (C,) of films, each read once."""
    places, found = sorted(films), dict[Path, Floats]()
    for start in range(0, len(places), _BATCH):
        some = places[start : start + _BATCH]
        pooled = drafter.encode([PreparedStudy(read_film(path)) for path in some]).pooled
        found |= dict(zip(some, pooled.float().cpu().numpy(), strict=True))
    return found


def main(argv: list[str] | None = None) -> None:
    """Print the penalty that was chosen, and a row for each reader and kind of change."""
    parser = make_parser(__doc__)
    parser.add_argument("--nih", type=Path, required=True, help="directory of NIH ChestX-ray14 with pairs.csv")
    parser.add_argument("--weights", type=Path, help="weights directory (default: those of the package)")
    parser.add_argument("--limit", type=positive, default=200, help="read so many of either split's (default 200)")
    parser.add_argument(
        "--split", choices=SPLITS, default="val", help="of the follow-ups that are measured (default val)"
    )
    asked = parser.parse_args(argv)
    drafter = open_drafter(load_weights(asked.weights))
    pairs = {split: adult_pairs(asked.nih, split) for split in ("train", *{"val", SPLITS[asked.split]})}
    features = pool(drafter, {path for some in pairs.values() for p in some for path in (p.current, p.prior)})
    penalty, line = choose(told_of(pairs["train"], features), told_of(pairs["val"], features))
    print(f"{len(pairs['train'])} follow-ups learnt from, L2 {penalty}")
    some = {split: drawn(of, [p.key for p in of], asked.limit) for split, of in pairs.items() if split != "train"}
    read = {split: compare_follow_ups(drafter, of, None, lambda *_: None) for split, of in some.items()}
    truth = {split: followed_up(some[split], read[split]) for split in some}
    readers = {
        "the pair": {split: shares_of(read[split]) for split in some},
        "difference of two single outputs": {
            split: {"new": one.now - one.before, "resolved": one.before - one.now} for split, one in truth.items()
        },
        "a straight line": {split: line.scores(told_of(some[split], features).features) for split in some},
    }
    for name, scores in readers.items():
        for kind, row in rows(
            truth["val"], truth[SPLITS[asked.split]], scores["val"], scores[SPLITS[asked.split]]
        ).items():
            print(
                f"{kind:9}{name:34}"
                + "  ".join(f"{key} {value:.3g}" for key, value in row.items() if value is not None)
            )


if __name__ == "__main__":
    main()
