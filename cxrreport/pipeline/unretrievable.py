"""Says how many reports of the archive no study is ever given, and why."""

from __future__ import annotations

from functools import partial

from cxrreport.log import get_log
from cxrreport.pipeline.run import Run
from cxrreport.store.retry import transact
from cxrreport.store.unretrievable import unretrievable


def tell_unretrievable(run: Run) -> None:
    """Put the counts by code into the details of the run, and a line each into the log."""
    count = partial(unretrievable, undated=run.settings.undated_reports)
    run.details["unretrievable"] = transact(run.engine, count, read_only=True)
    for code, number in run.details["unretrievable"].items():
        get_log().warning(code, count=number)
