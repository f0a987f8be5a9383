"""`cxrreport trust report`: how far drafts agree with signed reports, by what a hospital can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from cxrreport.evaluation.subgroups import UNKNOWN, age_band
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.judged import Judged, judged_drafts
from cxrreport.store.listing import check_days
from cxrreport.trust.document import document
from cxrreport.trust.gathered import Gathered
from cxrreport.trust.pooling import ALL, NOBODY
from cxrreport.trust.prove import weights_in_use

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PAGE = 500
GROUPS: Mapping[str, Callable[[Judged], str]] = {
    "finding": lambda _: ALL,
    "month": lambda one: f"{one.at:%Y-%m}",
    "device": lambda one: one.device or UNKNOWN,
    "view": lambda one: one.view or UNKNOWN,
    "sex": lambda one: one.sex or UNKNOWN,
    "age": lambda one: age_band(one.age_years),
    "institution": lambda one: one.institution or UNKNOWN,
    "reader": lambda one: one.reader or NOBODY,
}


def report(settings: Settings, since: date | None, until: date | None, by: str) -> dict[str, Any]:
    """What is known of the drafts that the weights in use made and that were judged; docs/trust.md names every value.

    since, until : first and last day of the studies. by : one of `GROUPS`.

    Raises
    ------
    UsageError : the first day comes after the last.
    """
    check_days(since, until)
    gathered, weights = Gathered(GROUPS[by]), weights_in_use(settings)
    with open_archive(settings, read_only=True) as engine:
        for one in judged(engine, weights, since, until):
            gathered.add(one)
    days = {"since": since and since.isoformat(), "until": until and until.isoformat()}
    return {"weights_sha256": weights, **days, **document(gathered, by)}


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
