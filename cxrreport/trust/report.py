"""How far drafts agree with signed reports: by finding, and by what a hospital can act on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from cxrreport.drafts import Verdict
from cxrreport.evaluation.reliability import reliability
from cxrreport.evaluation.subgroups import UNKNOWN, age_band
from cxrreport.findings import State
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.judged import Judged, judged_drafts
from cxrreport.trust.policy import GATED
from cxrreport.trust.prove import weights_in_use
from cxrreport.trust.tally import Cells, Share, Tally, count, tally

if TYPE_CHECKING:
    from sqlalchemy import Engine

SMALL = 20  # studies; groups that are smaller are one, so that none can be told
OTHERS = "all others"
WORST = 20
_PAGE = 500
GROUPS: Mapping[str, Callable[[Judged], str]] = {
    "finding": lambda _: "",
    "month": lambda one: f"{one.at:%Y-%m}",
    "device": lambda one: one.device or UNKNOWN,
    "view": lambda one: one.view or UNKNOWN,
    "sex": lambda one: one.sex or UNKNOWN,
    "age": lambda one: age_band(one.age_years),
    "institution": lambda one: one.institution or UNKNOWN,
    "reader": lambda one: one.reader or "nobody",
}


def report(settings: Settings, since: date | None, until: date | None, by: str) -> dict[str, Any]:
    """What is known of the drafts that the weights in use made and that were judged.

    since, until : first and last day of the studies. by : one of `GROUPS`.

    Returns
    -------
    `studies`, `errors` a study and the share of words that were `edits`, `findings` (or groups of them) with counts,
    shares and intervals, `reliability` by finding, `reviews`, and the `worst` drafts.
    """
    with open_archive(settings, read_only=True) as engine:
        gathered = _Gathered(GROUPS[by])
        for one in judged(engine, weights_in_use(settings), since, until):
            gathered.add(one)
    return gathered.document(by)


def judged(engine: Engine, weights: str, since: date | None, until: date | None) -> Iterator[Judged]:
    """The judged drafts of these days, page by page."""
    first = datetime.combine(since, time.min) if since else None
    end = datetime.combine(until, time.min) + timedelta(days=1) if until else None
    last = 0
    while True:
        with session(engine, read_only=True) as s:
            page = judged_drafts(s, weights, first, end, last, _PAGE)
        if not page:
            return
        last = page[-1].draft_id
        yield from page


class _Gathered:
    """Counts of all drafts; memory grows with the number of groups, and by a few bytes a draft for reliability."""

    def __init__(self, group: Callable[[Judged], str]) -> None:
        self._group = group
        self._tallies: dict[str, Tally] = {}
        self._studies: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._edits: Counter[str] = Counter()
        self._likely: dict[str, list[tuple[float, bool]]] = {finding: [] for finding in GATED}
        self._reviews: Counter[str] = Counter()
        self._comments: list[tuple[int, str]] = []
        self._worst: list[tuple[int, float, int, int]] = []

    def add(self, one: Judged) -> None:
        """Count one draft."""
        group = self._group(one)
        count(self._tallies.setdefault(group, tally(())), one)
        self._studies[group] += 1
        self._errors[group] += one.errors
        self._edits[group] += one.edits
        self._add_probabilities(one)
        if one.review:
            self._reviews[one.review] += 1
        if one.review is Verdict.REJECTED and one.comment:
            self._comments.append((one.draft_id, one.comment))
        if one.errors:
            self._worst.append((one.errors, one.edits, one.draft_id, one.study_id))
            self._worst = sorted(self._worst, reverse=True)[:WORST]

    def _add_probabilities(self, one: Judged) -> None:
        signed = {row.finding: row.signed for row in one.findings if not row.name}
        for finding, probability in one.probabilities.items():
            state = signed.get(finding, State.BLANK)
            if finding in self._likely and state is not State.UNCERTAIN:
                self._likely[finding].append((probability, state is State.POSITIVE))

    def document(self, by: str) -> dict[str, Any]:
        """Everything as plain values."""
        groups = self._pooled()
        return {
            "by": by,
            "studies": sum(self._studies.values()),
            "groups": [self._row(name, names) for name, names in groups.items()],
            "reliability": {f: row for f in GATED if (row := _reliability(self._likely[f]))},
            "reviews": dict(self._reviews),
            "rejected": [{"draft": draft, "why": why} for draft, why in self._comments],
            "worst": [
                {"draft": draft, "study": study, "errors": errors, "edits": round(edits, 3)}
                for errors, edits, draft, study in self._worst
            ],
        }

    def _pooled(self) -> dict[str, list[str]]:
        """Names of groups by that under which they are told; small ones together."""
        small = [name for name, studies in self._studies.items() if studies < SMALL]
        large = {name: [name] for name in sorted(self._studies) if name not in small}
        if len(self._studies) == 1 or not small:
            return large or {name: [name] for name in small}
        return {**large, OTHERS: small}

    def _row(self, name: str, names: Sequence[str]) -> dict[str, Any]:
        studies = sum(self._studies[one] for one in names)
        cells = _sum(self._tallies[one] for one in names)
        return {
            "group": name,
            "studies": studies,
            "errors": round(sum(self._errors[one] for one in names) / studies, 3),
            "edits": round(sum(self._edits[one] for one in names) / studies, 3),
            "findings": {
                finding: _shares(cells[finding, "state"]) for finding in GATED if cells[finding, "state"].told
            },
            "changes": {
                finding: _shares(cells[finding, "change"]) for finding in GATED if cells[finding, "change"].told
            },
        }


def _sum(tallies: Iterable[Tally]) -> Tally:
    whole = tally(())
    for one in tallies:
        for key, cells in one.items():
            for name in Cells.__slots__:
                setattr(whole[key], name, getattr(whole[key], name) + getattr(cells, name))
    return whole


def _shares(cells: Cells) -> dict[str, Any]:
    counts = {name: getattr(cells, name) for name in Cells.__slots__}
    shares = {name: _share(getattr(cells, name)) for name in ("precision", "sensitivity", "specificity")}
    return {**counts, **shares, "f1": None if cells.f1 is None else round(cells.f1, 4)}


def _share(one: Share) -> dict[str, float] | None:
    if one.share is None or one.interval is None:
        return None
    return {"share": round(one.share, 4), "low": round(one.interval[0], 4), "high": round(one.interval[1], 4)}


def _reliability(pairs: Sequence[tuple[float, bool]]) -> dict[str, Any] | None:
    if not any(positive for _, positive in pairs):
        return None
    found = reliability(np.array([p for p, _ in pairs]), np.array([positive for _, positive in pairs]))
    return {"ece": round(found.ece, 4), "brier": round(found.brier, 4), "curve": [list(row) for row in found.curve]}
