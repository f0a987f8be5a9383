"""What is said to be new or resolved in real follow-ups: micro F1 beside the difference of two films judged alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.evaluation.counts import draw_counts, interval
from cxrreport.evaluation.films import Bools, Floats

NEW, RESOLVED = 1, 2  # joint states, as the temporal network orders them
KINDS = {"new": NEW, "resolved": RESOLVED}
BEST_DIFFERENCE, BEST_PAIR = "difference of two single outputs, best bound", "the pair, best bound"


@dataclass(frozen=True, slots=True, eq=False)
class FollowedUp:
    """n pairs. joint (n, 13) true joint states, 0 absent, 1 new, 2 resolved, 3 in both; known (n, 13): elsewhere it means
    nothing; now, before (n, 13): probabilities of either film alone; patients (n,).
    """

    joint: npt.NDArray[np.int64]
    known: Bools
    now: Floats
    before: Floats
    patients: npt.NDArray[np.str_]


def joint_states(now: Bools, before: Bools) -> npt.NDArray[np.int64]:
    """Which findings are there now and were before -> joint states."""
    return now + 2 * before.astype(np.int64)


def followup_rows(
    pairs: FollowedUp, said: Mapping[str, npt.NDArray[np.int64]], shares: Mapping[str, Floats], seed: int
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """F1 of "new" and of "resolved" by row, over all findings of all pairs; intervals by patient.

    said : joint states (n, 13) by row. shares : of either kind, how likely the network reads it in each pair (n, 13).
    The last two rows call what reaches one bound, the best for these very pairs: of these shares, and of the difference of
    the two films' probabilities. No bound that is chosen elsewhere can do better.
    """
    names, owner = np.unique(pairs.patients, return_inverse=True)
    draws = draw_counts(len(names), seed)[:, owner]
    rise = pairs.now - pairs.before
    rows = {name: {kind: joint == state for kind, state in KINDS.items()} for name, joint in said.items()}
    best = {BEST_PAIR: shares, BEST_DIFFERENCE: {"new": rise, "resolved": -rise}}
    rows |= {
        name: {kind: scores[kind] >= best_bound(pairs, kind, scores[kind]) for kind in KINDS}
        for name, scores in best.items()
    }
    return {name: {kind: told_f1(pairs, kind, told, draws) for kind, told in row.items()} for name, row in rows.items()}


def told_f1(pairs: FollowedUp, kind: str, said: Bools, draws: Floats) -> dict[str, Any]:
    """Micro F1 of one kind of change, where it is said (n, 13); None where it never happens in truth.

    draws (d, n) : how often each pair counts in each draw, for the interval.
    """
    true, told = (pairs.joint == KINDS[kind]) & pairs.known, said & pairs.known
    both, either = 2 * (true & told).sum(1), true.sum(1) + told.sum(1)
    bounds = interval((draws @ both) / np.maximum(draws @ either, 1)) or (None, None)
    return {
        "f1": float(both.sum() / either.sum()) if true.any() else None,
        "low": bounds[0],
        "high": bounds[1],
        "true": int(true.sum()),
        "said": int(told.sum()),
        "right": int((true & told).sum()),
    }


def best_bound(pairs: FollowedUp, kind: str, scores: Floats) -> float:
    """The bound of the best F1 for these pairs: a score (n, 13) that reaches it is called."""
    values, true = scores[pairs.known], (pairs.joint == KINDS[kind])[pairs.known]
    order = np.argsort(-values, kind="stable")
    right = np.cumsum(true[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + max(int(true.sum()), 1))
    f1[np.append(values[order][1:] == values[order][:-1], False)] = -1  # those of one score are called together
    return float(values[order][int(f1.argmax())]) if len(order) else np.inf
