"""How often the rule of the gates is wrong when it looks every night: findings of a known precision and sensitivity.

    python -m benchmarks.gates                        # the shipped rule
    python -m benchmarks.gates --trust trust.toml     # that of a site
    python -m benchmarks.gates --finding pneumothorax # by the bounds of this finding
    python -m benchmarks.gates --runs 10000 --nights 1095

Each night so many reports tell the finding (Poisson); of those the draft tells a share, its sensitivity, and tells others in
vain, so that a share of its calls is right, its precision. The rule looks at the last `days` and the last 30, as
`cxrreport trust` does. Beside it stands a rule without intervals: open while both shares are at or above their bounds, of as
many agreeing studies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.arguments import make_parser, positive
from cxrreport.trust.policy import GATED, Bounds, Policy, load_policy

_Z = 1.959964
_MONTH = 30  # days
_GOOD = 0.25  # above a bound
Counts = np.ndarray  # (3, runs): studies in which both tell it, the draft alone, the report alone


@dataclass(frozen=True)
class Truth:
    """A finding: reports that tell it a night, and what is true of the drafts."""

    a_night: float
    precision: float
    sensitivity: float


def truths(bounds: Bounds) -> Iterator[tuple[str, Truth]]:
    """Findings of three frequencies, bad in one share and good in the other, which is the worst case; then good in both."""
    for a_night in (0.3, 1.0, 5.0):
        for name, off in (("0.20 below", -0.2), ("0.05 below", -0.05), ("at its bound", 0.0)):
            yield f"precision {name}", _truth(a_night, bounds, off, _GOOD)
            yield f"sensitivity {name}", _truth(a_night, bounds, _GOOD, off)
        for name, off in (("0.05 above", 0.05), ("0.10 above", 0.1), ("0.25 above", _GOOD)):
            yield f"both {name}", _truth(a_night, bounds, off, off)


def _truth(a_night: float, bounds: Bounds, precision: float, sensitivity: float) -> Truth:
    """As far above its bounds, and never quite 1."""
    return Truth(a_night, min(bounds.precision + precision, 0.98), min(bounds.sensitivity + sensitivity, 0.98))


def nights(truth: Truth, count: int, runs: int, rng: np.random.Generator) -> np.ndarray:
    """Counts of each night, (nights, 3, runs)."""
    signed = rng.poisson(truth.a_night, (count, runs))
    both = rng.binomial(signed, truth.sensitivity)
    vain = truth.a_night * truth.sensitivity * (1 - truth.precision) / truth.precision
    return np.stack([both, rng.poisson(vain, (count, runs)), signed - both], 1)


def wilson(hits: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval, as `tally.Share` has them; (0, 1) where there is nothing."""
    n = np.maximum(of, 1)
    share, z2 = hits / n, _Z**2
    centre, half = (
        (share + z2 / (2 * n)) / (1 + z2 / n),
        _Z / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)),
    )
    return np.where(of > 0, centre - half, 0.0), np.where(of > 0, centre + half, 1.0)


def by_intervals(before: np.ndarray, whole: Counts, month: Counts, policy: Policy, bounds: Bounds) -> np.ndarray:
    """Which gates are open, and which have failed (2, runs), after a look, as `trust.gates.decide` says."""
    proves, fails = whole[0] >= bounds.agree, np.zeros(before.shape[1], bool)
    for vain, bound in ((1, bounds.precision), (2, bounds.sensitivity)):
        proves &= wilson(whole[0], whole[0] + whole[vain])[0] >= bound
        proves &= ~before[1] | (month[0] >= bound * (month[0] + month[vain]))
        for cells in (whole, month):
            fails |= (cells.sum(0) >= policy.least) & (wilson(cells[0], cells[0] + cells[vain])[1] < bound)
    return np.stack([(before[0] | proves) & ~fails, fails | (before[1] & ~proves)])


def by_shares(whole: Counts, bounds: Bounds) -> np.ndarray:
    """The same by observed shares alone."""
    right = whole[0] >= bounds.agree
    for vain, bound in ((1, bounds.precision), (2, bounds.sensitivity)):
        right &= whole[0] >= bound * (whole[0] + whole[vain])
    return right


def course(counts: np.ndarray, policy: Policy, bounds: Bounds) -> dict[str, np.ndarray]:
    """Open gates of each night (nights, runs) by either rule, and those that have failed by that of the intervals."""
    sums = np.concatenate([np.zeros((1, *counts.shape[1:]), int), counts.cumsum(0)])
    stands = np.zeros((2, counts.shape[2]), bool)
    found: dict[str, list[np.ndarray]] = {"intervals": [], "failed": [], "shares": []}
    for night in range(1, len(sums)):
        whole = sums[night] - sums[max(night - policy.days, 0)]
        stands = by_intervals(stands, whole, sums[night] - sums[max(night - _MONTH, 0)], policy, bounds)
        found["intervals"].append(stands[0])
        found["failed"].append(stands[1])
        found["shares"].append(by_shares(whole, bounds))
    return {name: np.stack(rows) for name, rows in found.items()}


def tell(opened: np.ndarray) -> dict[str, float | None]:
    """Of gates (nights, runs): share ever open, open at the end, closed again; median night of the opening; turns a run."""
    ever = opened.any(0)
    turns = (opened[1:] != opened[:-1]).sum(0) + opened[0]
    again = (opened[:-1] & ~opened[1:]).any(0)
    return {
        "ever_open": round(float(ever.mean()), 4),
        "nights_open": round(float(opened.mean()), 4),
        "open_at_end": round(float(opened[-1].mean()), 4),
        "closed_again": round(float(again[ever].mean()), 4) if ever.any() else None,
        "median_night": float(np.median(opened.argmax(0)[ever]) + 1) if ever.any() else None,
        "turns": round(float(turns.mean()), 2),
    }


def tell_failed(failed: np.ndarray) -> dict[str, float]:
    """Of gates (nights, runs): share that have ever failed, share of nights as one that has."""
    return {"ever_failed": round(float(failed.any(0).mean()), 4), "nights_failed": round(float(failed.mean()), 4)}


def fall(a_night: float, policy: Policy, bounds: Bounds, runs: int, rng: np.random.Generator) -> dict[str, object]:
    """Gates of a year of good drafts whose precision then falls by 0.45 for good: nights until they close, by
    quantiles, and mean of the nights in which they are open again after that."""
    good, bad = _truth(a_night, bounds, _GOOD, _GOOD), _truth(a_night, bounds, -0.2, _GOOD)
    counts = np.concatenate([nights(good, policy.days, runs, rng), nights(bad, policy.days, runs, rng)])
    after = course(counts, policy, bounds)["intervals"][policy.days - 1 :]
    after = after[:, after[0]]
    closed = (~after).argmax(0).astype(float)
    quantiles = np.quantile(np.where(after.all(0), np.inf, closed), [0.5, 0.95], method="lower")
    again = round(float((after & (np.arange(len(after))[:, None] > closed)).sum(0).mean()), 2)
    return {
        "truth": "precision falls by 0.45",
        "a_night": a_night,
        "median": quantiles[0],
        "p95": quantiles[1],
        "nights_open_again": again,
    }


def main(argv: list[str] | None = None) -> None:
    """Print a line of JSON for each finding and rule."""
    parser = make_parser(__doc__)
    parser.add_argument("--trust", type=Path, help="the rule; default: the shipped one")
    parser.add_argument(
        "--finding", choices=GATED, default="edema", help="whose bounds; default: edema, which has none of its own"
    )
    parser.add_argument("--subject", choices=["state", "change"], default="state")
    parser.add_argument("--runs", type=positive, default=2000)
    parser.add_argument("--nights", type=positive, default=730)
    asked = parser.parse_args(argv)
    policy, rng = load_policy(asked.trust), np.random.default_rng(0)
    bounds = policy.bounds(asked.finding, asked.subject)
    for name, truth in truths(bounds):
        found = course(nights(truth, asked.nights, asked.runs, rng), policy, bounds)
        failed = tell_failed(found.pop("failed"))
        for rule, opened in found.items():
            own = failed if rule == "intervals" else {}
            print(json.dumps({"truth": name, "a_night": truth.a_night, "rule": rule, **tell(opened), **own}))
    for a_night in (0.3, 1.0, 5.0):
        print(json.dumps(fall(a_night, policy, bounds, asked.runs, rng)))


if __name__ == "__main__":
    main()
