"""Some months of a simulated hospital, beside the truth: what its gates and alarms made of what was simulated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cxrreport.demo.archive import write_reports
from cxrreport.demo.machine import AFTER, write_film, write_report
from cxrreport.demo.nights import Night, Write, run_nights
from cxrreport.demo.plan import UNSEEN, WEEK, Plan, Visit
from cxrreport.log import Progress, unwatched
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.listing import abstained_from
from cxrreport.trust.archive import calibrate_archive


def simulate(settings: Settings, directory: Path, plan: Plan, progress: Progress = unwatched) -> dict[str, Any]:
    """Calibrate to the older films, then run a night at the end of each week of the plan, as `run_nights`.

    Returns
    -------
    What `run_nights` does, `truth`: what was simulated, and `abstained`: by code how many films were spoilt, and others.
    """
    before, weeks = _before(plan), [_night(plan, end) for end in plan.weeks]
    progress("nights", 0, len(before) + len(weeks))
    begun = run_nights(settings, directory, before, progress)
    if plan.older:
        facts = calibrate_archive(settings)
        begun["events"].append(
            {"date": _day(plan.begins), "what": "calibrated", "why": f"{facts['studies']} older studies"}
        )
    then = run_nights(settings, directory, weeks, progress)
    course = {name: [*begun[name], *then[name]] for name in begun}
    return {"truth": _truth(plan), **course, "abstained": _abstained(settings, plan)}


def _before(plan: Plan) -> list[Night]:
    """Reports of years before, without films; then the older films, and what was signed of them."""
    nights = [Night(plan.begins - timedelta(days=1), (), (partial(write_reports, seed=plan.seed, signed=()),))]
    if plan.older:
        signed = [visit for visit in plan.older_visits if visit.signed_at]
        nights.append(Night(plan.begins, *_files(plan, plan.older_visits, signed)))
    return nights


def _night(plan: Plan, end: datetime) -> Night:
    """Films of one week, and the reports that were signed in it, those of earlier films too."""
    films = [visit for visit in plan.visits if end - WEEK <= visit.at < end]
    signed = [visit for visit in plan.visits if visit.signed_at and end - WEEK <= visit.signed_at < end]
    return Night(end, *_files(plan, films, signed))


def _files(plan: Plan, films: Sequence[Visit], signed: Sequence[Visit]) -> tuple[list[Write], list[Write]]:
    return (
        [partial(write_film, visit=visit) for visit in films],
        [partial(write_report, seed=plan.seed, visit=visit) for visit in signed],
    )


def _abstained(settings: Settings, plan: Plan) -> dict[str, dict[str, int]]:
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        codes = abstained_from(s)
    found = {code: {"spoilt": 0, "others": 0} for code in sorted(set(codes.values()))}
    for visit in plan.visits:
        if code := codes.get(visit.accession):
            found[code]["spoilt" if visit.spoilt else "others"] += 1
    return found


def _truth(plan: Plan) -> dict[str, Any]:
    return {
        "from": _day(plan.begins),
        "until": _day(plan.ends),
        "studies": len(plan.visits),
        "signed": sum(visit.signed_at is not None and visit.signed_at < plan.ends for visit in plan.visits),
        "machine": _day(plan.changes_at),
        "model": AFTER,
        "unseen": UNSEEN,
        "spoilt": sum(visit.spoilt for visit in plan.visits),
    }


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
