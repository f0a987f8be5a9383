"""The job `index`: import signed reports, label them, publish a new version of the retrieval index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxrreport.drafting.drafter import load_drafter
from cxrreport.errors import IndexFitError, UsageError
from cxrreport.log import Progress
from cxrreport.pipeline.counts import INDEX, Count
from cxrreport.pipeline.embed import build_index
from cxrreport.pipeline.freshness import pages
from cxrreport.pipeline.import_reports import import_reports
from cxrreport.pipeline.run import Run, open_run
from cxrreport.reports.language import is_english
from cxrreport.reports.readers import FORMATS
from cxrreport.settings import Settings

_PAGE = 2_000


def index(
    settings: Settings, paths: Sequence[Path], form: str, progress: Progress, *, any_language: bool = False
) -> tuple[dict[str, Any], int]:
    """Import signed reports (none: only those already in the database) and publish a new index of all of them.

    any_language : publish it even where most reports are not in English.

    Returns the counts of `index --json` and the exit code: 0, 3 (some reports failed) or 128 + signal.

    Raises
    ------
    UsageError : `form` is no known form of reports.
    IndexFitError : most reports are in another language than English; the index stays as it was.
    """
    if form not in FORMATS:
        raise UsageError(f"Reports come in one of these forms: {', '.join(FORMATS)}.")
    with open_run(settings, progress) as run:
        drafter = load_drafter(settings)
        import_reports(run, paths, form)
        if not run.cancelled:
            _check_language(run, any_language)
            build_index(run, drafter)
    return {**run.summary(INDEX), "index": run.details.get("index")}, run.exit_code


def _check_language(run: Run, any_language: bool) -> None:
    """Count the stored reports in other languages; most must be in English, for that is what labels and network read."""
    english = [is_english(passage.text) is not False for page in pages(run.engine, _PAGE) for passage in page]
    others = len(english) - sum(english)
    run.count(Count.OTHER_LANGUAGE, others)
    if 2 * others > len(english) and not any_language:
        raise IndexFitError(
            f"{others} of {len(english)} reports hold hardly a word of English, and findings are read in English alone:"
            " no index was published. Pass --any-language to publish one all the same.",
            "index.language",
        )
