"""What was gathered of judged drafts as plain values: the document of `trust report` (docs/trust.md, Report)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cxrreport.drafts import PRIORITIES
from cxrreport.evaluation.reliability import Bins
from cxrreport.mistakes import Dimension, Verdict
from cxrreport.store.judged import Judged
from cxrreport.trust.gathered import Gathered, Group, joined
from cxrreport.trust.policy import GATED
from cxrreport.trust.pooling import Pools, pool, pool_in_order, pool_readers
from cxrreport.trust.tally import Cells, Share

DIMENSIONS = (Dimension.SIDE, Dimension.SEVERITY, Dimension.CHANGE, Dimension.CERTAINTY)
Row = dict[str, Any]


def document(gathered: Gathered, by: str) -> Row:
    """Everything; what tells of fewer studies than `pooling.SMALL` stands in no row of its own."""
    months = _rows(gathered.months, pool_in_order(_sizes(gathered.months)))
    pools = {"month": pool_in_order, "reader": pool_readers}.get(by, pool)(_sizes(gathered.groups))
    return {
        "by": by,
        "studies": sum(_sizes(gathered.groups).values()),
        "calibrations": [{"sha256": one, "studies": n} for one, n in gathered.calibrations.most_common()],
        "indexes": len(gathered.indexes),
        "groups": list(_rows(gathered.groups, pools)),
        "months": list(months),
        "reliability": {finding: _reliability(bins) for finding, bins in gathered.likely.items() if bins.true.any()},
        "reviews": dict(sorted(gathered.reviews.items())),
        "rejected": [
            {"draft": one.draft_id, "study": one.study_id, "why": one.comment} for one in reversed(gathered.rejected)
        ],
        "worst": [_worst(one) for one in gathered.worst],
    }


def _sizes(groups: Mapping[str, Group]) -> dict[str, int]:
    return {name: group.studies for name, group in groups.items()}


def _rows(groups: Mapping[str, Group], pools: Pools) -> Iterator[Row]:
    for name, names in pools:
        yield _row(name, joined(groups[one] for one in names))


def _row(name: str, group: Group) -> Row:
    return {
        "group": name,
        "studies": group.studies,
        "shadow": group.shadow,
        "abstained": dict(sorted(group.abstained.items())),
        "errors": _value(group.errors / group.studies, group.errors_interval),
        "tiers": {tier: group.tiers[tier] for tier in PRIORITIES[:-1]},
        "edits": _value(group.edits / group.studies, group.edits_interval),
        "findings": _told(group, "state"),
        "changes": _told(group, "change"),
        "words": {finding: _words(group, finding) for finding in GATED if group.beside[finding]},
    }


def _told(group: Group, subject: str) -> dict[str, Row]:
    cells = {finding: group.cells[finding, subject] for finding in GATED}
    return {finding: _shares(one) for finding, one in cells.items() if one.told}


def _shares(cells: Cells) -> Row:
    counts = {name: getattr(cells, name) for name in Cells.__slots__}
    shares = {name: _share(getattr(cells, name)) for name in ("precision", "sensitivity", "specificity")}
    return {**counts, **shares, "f1": _value(cells.f1, cells.f1_interval)}


def _words(group: Group, finding: str) -> Row:
    beside = group.beside[finding]
    differ = {dimension: group.differ[finding, dimension] for dimension in DIMENSIONS}
    return {"beside": beside, **{str(name): _share(Share(beside - number, beside)) for name, number in differ.items()}}


def _share(one: Share) -> Row | None:
    return _value(one.share, one.interval)


def _value(share: float | None, interval: tuple[float, float] | None) -> Row | None:
    """A number and the ends of its interval; None where there is none."""
    if share is None or interval is None:
        return None
    return {"value": round(share, 4), "low": round(interval[0], 4), "high": round(interval[1], 4)}


def _reliability(bins: Bins) -> Row:
    found = bins.told()
    return {
        "studies": found.films,
        "positives": found.positives,
        "ece": round(found.ece, 4),
        "brier": round(found.brier, 4),
        "curve": list(_curve(found.curve)),
    }


def _curve(rows: Iterable[tuple[float, float, int]]) -> Iterator[Row]:
    for said, true, studies in rows:
        yield {"said": round(said, 4), "studies": studies, "true": _share(Share(round(true * studies), studies))}


def _worst(one: Judged) -> Row:
    told = [row for row in one.findings if row.verdict != Verdict.CORRECT]
    names = ("finding", "name", "verdict", "dimension", "tier", "drafted", "signed", "drafted_change", "signed_change")
    return {
        "draft": one.draft_id,
        "study": one.study_id,
        "errors": one.errors,
        "edits": round(one.edits, 4),
        "findings": [{name: getattr(row, name) for name in names} for row in told],
    }
