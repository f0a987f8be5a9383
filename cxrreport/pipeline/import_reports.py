"""The hospital's signed reports -> the database, with the labels of our rules."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cxrreport.errors import UsageError
from cxrreport.files import must_exist
from cxrreport.findings import State
from cxrreport.pipeline.counts import IMPORT, Count
from cxrreport.pipeline.run import Run
from cxrreport.records import Failure, Report
from cxrreport.reports.labels import label_all, rules
from cxrreport.reports.language import is_english_report
from cxrreport.reports.parsing.columns import FIELDS
from cxrreport.reports.readers import Skipped, read_path
from cxrreport.store import reports, runs
from cxrreport.store.engine import batches, session

_BATCH = 500  # reports a transaction


def import_reports(run: Run, paths: Sequence[Path], form: str) -> None:
    """Read reports, label them and store them; broken ones become rows in `failure`. Label again what older rules labelled.

    Raises
    ------
    UsageError : a path does not exist, or a column is mapped to a field that no report has.
    """
    roots = [Path(os.path.abspath(path)) for path in paths]
    _check(roots, run.settings.columns)
    for root in roots:
        with session(run.engine) as s:
            runs.clear_failures_below(s, str(root), "report.")  # the files may have been mended
        found = read_path(root, run.settings.columns, form, preliminary=run.settings.preliminary)
        for batch in batches(found, _BATCH):
            if run.cancelled:
                return
            _store(run, batch)
            run.progress("reports", len(batch))
    _label_again(run)


def _check(roots: Sequence[Path], columns: Mapping[str, str]) -> None:
    must_exist(roots)
    if unknown := sorted(set(columns) - {*FIELDS, "id"}):
        raise UsageError(f"No report has the field {', '.join(unknown)}; known are {', '.join(FIELDS)} and id.")


def _store(run: Run, batch: Sequence[Report | Failure | Skipped]) -> None:
    good = [item for item in batch if isinstance(item, Report)]
    bad = [item for item in batch if isinstance(item, Failure)]
    labelled = [(report, _label(report)) for report in good]
    with session(run.engine) as s:
        counts = reports.add_reports(s, labelled, rules())
        runs.add_failures(s, run.id, bad)
    run.count(Count.REPORTS, len(good))
    for name in IMPORT:
        run.count(name, counts[name])
    for failure in bad:
        run.fail(failure.code)
    for item in batch:
        if isinstance(item, Skipped):
            run.skip(item.code)


def _label(report: Report | reports.StoredText) -> dict[str, State]:
    """States of the 15 labels and of what is named, told from findings and impression together.

    None of a report in another language: the rules would find names of findings there and miss that they are denied.
    """
    if is_english_report(report.findings, report.impression) is False:
        return {}
    return label_all(f"{report.findings} {report.impression}")


def _label_again(run: Run) -> None:
    """Give every report the labels of the present rules. Each batch is stored with its source: the next run goes on."""
    last = 0
    while not run.cancelled:
        with session(run.engine, read_only=True) as s:
            batch = reports.outdated_labels(s, rules(), last, _BATCH)
        if not batch:
            return
        with session(run.engine) as s:
            reports.set_labels(s, {text.report_id: _label(text) for text in batch}, rules())
        last = batch[-1].report_id
        run.count(Count.RELABELLED, len(batch))
        run.progress("labels", len(batch))
