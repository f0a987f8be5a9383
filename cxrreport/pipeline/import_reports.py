"""The hospital's signed reports -> the database."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from cxrreport.errors import UsageError
from cxrreport.log import Progress
from cxrreport.pipeline.labeller import Labeller, labeller
from cxrreport.pipeline.run import Run
from cxrreport.records import Failure, Report
from cxrreport.reports.parsing.columns import FIELDS
from cxrreport.reports.readers import Skipped, read_path
from cxrreport.store import reports, runs
from cxrreport.store.engine import session

_BATCH = 500


def import_reports(run: Run, paths: Sequence[Path], form: str, progress: Progress) -> None:
    """Read reports, label them and store them; broken ones become rows in `failure`.

    Raises
    ------
    UsageError : a path does not exist, or a column is mapped to a field that no report has.
    """
    roots = [Path(os.path.abspath(path)) for path in paths]
    _check(roots, run.settings.columns)
    labels = labeller(run.settings)
    for root in roots:
        with session(run.engine) as s:
            runs.clear_report_failures(s, str(root))  # the files may have been mended
        found = read_path(root, run.settings.columns, form, preliminary=run.settings.preliminary)
        while not run.cancelled and (batch := list(islice(found, _BATCH))):
            _store(run, batch, labels)
            progress("reports", len(batch))


def _check(roots: Sequence[Path], columns: Mapping[str, str]) -> None:
    if not all(root.exists() for root in roots):
        raise UsageError("A path of reports does not exist.", "usage.path")
    if unknown := sorted(set(columns) - {*FIELDS, "id"}):
        raise UsageError(f"No report has the field {', '.join(unknown)}; known are {', '.join(FIELDS)} and id.")


def _store(run: Run, batch: Sequence[Report | Failure | Skipped], labels: Labeller) -> None:
    good = [item for item in batch if isinstance(item, Report)]
    bad = [item for item in batch if isinstance(item, Failure)]
    labelled = list(zip(good, labels.of(good)))
    with session(run.engine) as s:
        counts = reports.add_reports(s, labelled, labels.source)
        runs.add_failures(s, run.id, bad)
    run.counts.numbers["reports"] += len(good)
    for name in ("added", "replaced", "unchanged", "withdrawn", "linked", "ambiguous"):
        run.counts.numbers[name] += getattr(counts, name)
    for failure in bad:
        run.counts.failed[failure.code] += 1
    run.counts.skipped.update(item.code for item in batch if isinstance(item, Skipped))
