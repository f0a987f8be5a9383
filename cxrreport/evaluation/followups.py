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
    rows[BEST_PAIR] = {kind: _best(pairs, kind, shares[kind]) for kind in KINDS}
    rows[BEST_DIFFERENCE] = {"new": _best(pairs, "new", rise), "resolved": _best(pairs, "resolved", -rise)}
    return {
        name: {kind: _f1(pairs, KINDS[kind], told, draws) for kind, told in row.items()} for name, row in rows.items()
    }


def _f1(pairs: FollowedUp, state: int, said: Bools, draws: Floats) -> dict[str, Any]:
    """said (n, 13). None where it never happens in truth."""
    true, told = (pairs.joint == state) & pairs.known, said & pairs.known
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


def _best(pairs: FollowedUp, kind: str, scores: Floats) -> Bools:
    """(n, 13) findings whose score reaches the bound of the best F1."""
    values, true = scores[pairs.known], (pairs.joint == KINDS[kind])[pairs.known]
    order = np.argsort(-values, kind="stable")
    right = np.cumsum(true[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + max(int(true.sum()), 1))
    f1[np.append(values[order][1:] == values[order][:-1], False)] = -1  # those of one score are called together
    bound = values[order][int(f1.argmax())] if len(order) else np.inf
    best: Bools = scores >= bound
    return best
