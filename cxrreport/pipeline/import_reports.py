"""The hospital's signed reports -> the database, with the labels of our rules."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cxrreport.engine.stream import StreamEngine
from cxrreport.errors import InputError, UsageError
from cxrreport.files import must_exist
from cxrreport.pipeline.counts import IMPORT, Count
from cxrreport.pipeline.run import Run
from cxrreport.records import Failure, Report
from cxrreport.reports.labelled import Labelled, label_report, read_labelled
from cxrreport.reports.labels import rules
from cxrreport.reports.parsing import fhir_index
from cxrreport.reports.parsing.columns import FIELDS
from cxrreport.reports.readers import Skipped, files
from cxrreport.store import reports, runs
from cxrreport.store.engine import batches

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

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
        for kind in ("report.", "path."):  # the files may have been mended
            run.transact(runs.clear_failures_below, str(root), kind)
        with _readers(run) as readers:
            for batch in batches(_read(run, readers, root, form), _BATCH):
                if run.cancelled:  # whoever stops the run may have stopped the children too: believe no error any more
                    return
                _store(run, batch)
                run.progress("reports", len(batch))
    _label_again(run)


def _readers(run: Run) -> StreamEngine:
    workers, timeout_s, memory_mb = run.settings.workers, run.settings.report_timeout_s, run.settings.report_memory_mb
    return StreamEngine(workers, timeout_s, memory_mb, cancelled=lambda: bool(run.cancelled))


def _read(run: Run, readers: StreamEngine, root: Path, form: str) -> Iterator[Labelled]:
    """What the files at or below `root` hold, read and labelled in child processes; a file that is lost is a failure."""
    settings, lost = run.settings, set()
    with fhir_index.building(settings.home) as index:
        for file, places in readers.stream(fhir_index.places, _fhir(root)):
            if run.cancelled:
                return
            if isinstance(places, InputError):
                lost.add(file)
                yield _failure(file, places), {}
            else:
                index.add(file, places)
        job = partial(read_labelled, root, settings.columns, form, settings.preliminary, index.done())
        for file, found in readers.stream(job, (file for file in files(root) if file not in lost)):
            if run.cancelled:
                return
            yield (_failure(file, found), {}) if isinstance(found, InputError) else found


def _fhir(root: Path) -> Iterator[Path]:
    return (file for file in files(root) if file.suffix.lower() in fhir_index.SUFFIXES)


def _failure(file: Path, error: InputError) -> Failure:
    return Failure(error.code, error.message, path=str(file))


def _check(roots: Sequence[Path], columns: Mapping[str, str]) -> None:
    must_exist(roots)
    if unknown := sorted(set(columns) - {*FIELDS, "id"}):
        raise UsageError(f"No report has the field {', '.join(unknown)}; known are {', '.join(FIELDS)} and id.")


def _store(run: Run, batch: Sequence[Labelled]) -> None:
    good = [(item, labels) for item, labels in batch if isinstance(item, Report)]
    bad = [item for item, _ in batch if isinstance(item, Failure)]

    def add(s: Session) -> Counter[str]:
        runs.add_failures(s, run.id, bad)
        return reports.add_reports(s, good, rules())

    counts = run.transact(add)
    run.count(Count.REPORTS, len(good))
    for name in IMPORT:
        run.count(name, counts[name])
    for failure in bad:
        run.fail(failure.code)
    for item, _ in batch:
        if isinstance(item, Skipped):
            run.skip(item.code)


def _label_again(run: Run) -> None:
    """Give every report the labels of the present rules. Each batch is stored with its source: the next run goes on."""
    last = 0
    while not run.cancelled:
        batch = run.transact(reports.outdated_labels, rules(), last, _BATCH)
        if not batch:
            return
        said = {text.report_id: (text.findings, text.impression, text.addendum) for text in batch}
        run.transact(reports.set_labels, {one: label_report(*sections) for one, sections in said.items()}, rules())
        last = batch[-1].report_id
        run.count(Count.RELABELLED, len(batch))
        run.progress("labels", len(batch))
