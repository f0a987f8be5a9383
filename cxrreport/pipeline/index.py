"""The job `index`: import signed reports, label them, publish a new version of the retrieval index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxrreport.drafting.drafter import load_drafter
from cxrreport.errors import UsageError
from cxrreport.log import Progress
from cxrreport.pipeline.counts import INDEX
from cxrreport.pipeline.embed import build_index
from cxrreport.pipeline.import_reports import import_reports
from cxrreport.pipeline.run import open_run
from cxrreport.reports.readers import FORMATS
from cxrreport.settings import Settings


def index(settings: Settings, paths: Sequence[Path], form: str, progress: Progress) -> tuple[dict[str, Any], int]:
    """Import signed reports (none: only those already in the database) and publish a new index of all of them.

    Returns the counts of `index --json` and the exit code: 0, 3 (some reports failed) or 128 + signal.

    Raises
    ------
    UsageError : `form` is no known form of reports.
    """
    if form not in FORMATS:
        raise UsageError(f"Reports come in one of these forms: {', '.join(FORMATS)}.")
    with open_run(settings, progress) as run:
        drafter = load_drafter(settings)
        import_reports(run, paths, form)
        if not run.cancelled:
            build_index(run, drafter)
    return {**run.summary(INDEX), "index": run.details.get("index")}, run.exit_code
