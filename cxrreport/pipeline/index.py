"""The job `index`: import signed reports, label them, publish a new version of the retrieval index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport.drafting.drafter import load_drafter
from cxrreport.errors import IndexFitError, UsageError
from cxrreport.log import Progress
from cxrreport.model.gpu import gpu_errors
from cxrreport.pipeline.counts import INDEX, Count
from cxrreport.pipeline.embed import build_index
from cxrreport.pipeline.import_reports import import_reports
from cxrreport.pipeline.run import Run, open_run
from cxrreport.pipeline.unretrievable import tell_unretrievable
from cxrreport.reports.language import is_english_report
from cxrreport.reports.readers import FORMATS
from cxrreport.settings import Settings
from cxrreport.store.reports import StoredText, texts
from cxrreport.store.retry import transact
from cxrreport.trust.drift import CODE as DRIFT
from cxrreport.trust.policy import load_policy
from cxrreport.trust.prove import prove

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PAGE = 2_000


def index(
    settings: Settings,
    paths: Sequence[Path],
    form: str,
    progress: Progress,
    *,
    any_language: bool = False,
    now: datetime | None = None,
) -> tuple[dict[str, Any], int]:
    """Import signed reports (none: only those already in the database) and publish a new index of all of them.

    any_language : publish it even where most reports are not in English. now : by the hospital's clock, which decides
    the days by which gates are turned; by default that of this machine.

    Returns the counts of `index --json` and the exit code: 0, 3 (some reports failed, or drift rings) or 128 + signal.

    Raises
    ------
    UsageError : `form` is no known form of reports.
    IndexFitError : most reports are in another language than English; the index stays as it was.
    """
    if form not in FORMATS:
        raise UsageError(f"Reports come in one of these forms: {', '.join(FORMATS)}.")
    load_policy(settings.trust)  # refused before anything is done
    with open_run(settings, progress) as run:
        drafter = load_drafter(settings)
        import_reports(run, paths, form)
        if not run.cancelled:
            _check_language(run, any_language)
            with gpu_errors():
                build_index(run, drafter)
        if not run.cancelled:
            _prove(run, now or datetime.now(), progress)
        tell_unretrievable(run)
    details = {name: run.details.get(name) for name in ("unretrievable", "index", "gates", "alarms")}
    return {**run.summary(INDEX), **details}, run.exit_code


def _prove(run: Run, now: datetime, progress: Progress) -> None:
    """Judge what is new, turn the gates and look for drift, as `trust` does."""
    proved = prove(run.settings, run.transact, now, progress, lambda: bool(run.cancelled))
    run.count(Count.JUDGED, proved.pop("judged"))
    run.details["alarms"] = proved.pop("alarms")
    run.fail(DRIFT, len(run.details["alarms"]))
    run.details["gates"] = proved


def _check_language(run: Run, any_language: bool) -> None:
    """Count the stored reports in other languages; most must be in English, for that is what labels and network read."""
    foreign = [is_english_report(text.findings, text.impression) is False for text in _texts(run.engine)]
    others = sum(foreign)
    run.count(Count.OTHER_LANGUAGE, others)
    if 2 * others > len(foreign) and not any_language:
        raise IndexFitError(
            f"{others} of {len(foreign)} reports hold hardly a word of English, and findings are read in English alone:"
            " no index was published. Pass --any-language to publish one all the same.",
            "index.language",
        )


def _texts(engine: Engine) -> Iterator[StoredText]:
    """Every report of the database that has a text."""
    last = 0
    while True:
        page = transact(engine, partial(texts, after_id=last, limit=_PAGE), read_only=True)
        if not page:
            return
        last = page[-1].report_id
        yield from page
