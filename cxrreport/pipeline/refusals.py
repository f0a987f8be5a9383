"""Is tonight's share of refused files far above that of the nights before? Then the export has changed, or its tags have."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport.codes import CODES
from cxrreport.files import storable
from cxrreport.log import get_log
from cxrreport.pipeline.counts import Count
from cxrreport.records import Failure
from cxrreport.store.runs import add_failures, list_runs

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.pipeline.run import Run

UNUSUAL = "export.unusual"
NIGHTS = 60  # runs that are looked back on
LEAST = 20  # new files below which a share says nothing
USUAL = 0.25  # share where there are no nights before
MARGIN = 0.25
# what was never taken for a film is not refused
_NO_FILMS: tuple[str, ...] = (
    "symlink",
    "special",
    "hidden",
    "empty",
    "growing",
    "dicomdir",
    "archive",
    "document",
    "image",
    "not_dicom",
)
_NO_FILMS += ("not_image", "duplicate", "broken_copy")


def check_refusals(run: Run, roots: Sequence[Path]) -> None:
    """The export has failed where the share is more than `MARGIN` above that of the runs before, taken together."""
    seen, refused = _count(run.counts.as_dict())
    if seen < LEAST:
        return
    expected = run.transact(_expected, run.id)
    if refused / seen > expected + MARGIN:
        run.fail(UNUSUAL)
        folders = [storable(os.path.realpath(root)) for root in roots if root.is_dir()]
        run.transact(add_failures, run.id, [Failure(UNUSUAL, CODES[UNUSUAL].sentence, path=path) for path in folders])
        get_log().warning(UNUSUAL, count=refused, files=seen)


def _expected(session: Session, run_id: int) -> float:
    # the files of a dry run are those of the run that follows it
    before = [run.counts for run in list_runs(session, NIGHTS) if run.id != run_id and Count.DRY_RUN not in run.counts]
    nights = [_count(counts) for counts in before if "files" in counts]
    seen, refused = (sum(column) for column in zip((0, 0), *nights))
    return refused / seen if seen >= LEAST else USUAL


def _count(counts: Mapping[str, Any]) -> tuple[int, int]:
    """New files that may be films, and those of them that are no images to draft from."""
    skipped = counts.get("skipped", {})
    seen = counts.get("files", 0) - counts.get("files_unchanged", 0) - sum(skipped.get(kind, 0) for kind in _NO_FILMS)
    accepted = counts.get("images", 0) - skipped.get("view.other", 0)
    return seen, min(max(seen - accepted, 0), seen)
