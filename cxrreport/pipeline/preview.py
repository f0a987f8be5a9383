"""`generate --dry-run`: catalogue the export and count what would be drafted, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxrreport.log import Progress
from cxrreport.pipeline.counts import PREVIEW, Count
from cxrreport.pipeline.due import Versions, find_due
from cxrreport.pipeline.run import open_run
from cxrreport.pipeline.scan import scan
from cxrreport.pipeline.selection import Selection
from cxrreport.pipeline.serving import calibration_of, weights_of
from cxrreport.retrieval import publish
from cxrreport.settings import Settings
from cxrreport.store import catalogue


def preview(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """Count studies that are due; returns the counts and the exit code as `generate` does.

    `left` are those that are due beyond the limit.
    Images whose view only the pixels can tell are left out of the counts; `unknown_view` says how many there are.
    """
    selection.check(paths)
    with open_run(settings, progress) as run:
        run.count(Count.DRY_RUN)
        scan(run, paths)
        for place, due in enumerate(find_due(run, selection, _expected(settings, selection, without_retrieval))):
            run.count(Count.DUE)
            if selection.limit is None or place < selection.limit:
                run.count(Count.PAIRED, int(due.pair.prior is not None))
            else:
                run.count(Count.LEFT)
        run.count(Count.UNKNOWN_VIEW, run.transact(catalogue.count_without_view))
    return run.summary(PREVIEW), run.exit_code


def _expected(settings: Settings, selection: Selection, without_retrieval: bool) -> Versions:
    """What a run would draft with, read from the manifests; the weights are asked only where they matter."""
    index = "" if without_retrieval else publish.current(settings.index_directory) or ""
    if selection.redo != "weights":
        return Versions("", index)
    return Versions(weights_of(settings), index, calibration_of(settings))
