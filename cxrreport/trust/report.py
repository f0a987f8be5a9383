"""`cxrreport trust report`: how far drafts agree with signed reports, by what a hospital can act on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from cxrreport.evaluation.subgroups import UNKNOWN, age_band
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive
from cxrreport.store.judged import Judged, judged_pages
from cxrreport.trust.document import document
from cxrreport.trust.gathered import Gathered
from cxrreport.trust.pooling import ALL, NOBODY
from cxrreport.trust.used import in_use

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
    gathered, weights = Gathered(GROUPS[by]), in_use(settings).weights_sha256
    with open_archive(settings, read_only=True) as engine:
        for page in judged_pages(engine, weights, since, until):
            for one in page:
                gathered.add(one)
    days = {"since": since and since.isoformat(), "until": until and until.isoformat()}
    return {"weights_sha256": weights, **days, **document(gathered, by)}
