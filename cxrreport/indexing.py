"""The hospital's signed reports -> the database -> a published retrieval index."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport.errors import UsageError
from cxrreport.labelling import Labeller, labeller
from cxrreport.records import Failure, Report
from cxrreport.reports.readers import Skipped, read_path
from cxrreport.reports.readers.table import FIELDS
from cxrreport.reports.sections import clean
from cxrreport.retrieval import index as retrieval
from cxrreport.retrieval.corpus import clean_passage
from cxrreport.retrieval.versions import IndexManifest
from cxrreport.run import Interrupted, Run
from cxrreport.store import reports, runs
from cxrreport.store.engine import session

if TYPE_CHECKING:
    from cxrreport.model.drafter import Drafter

_BATCH = 500
Progress = Callable[[str, int], None]


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
    labelled = list(zip(good, labels([f"{report.findings} {report.impression}" for report in good])))
    with session(run.engine) as s:
        counts = reports.add_reports(s, labelled)
        runs.add_failures(s, run.id, bad)
    run.counts.numbers["reports"] += len(good)
    for name in ("added", "replaced", "unchanged", "withdrawn", "linked", "ambiguous"):
        run.counts.numbers[name] += getattr(counts, name)
    for failure in bad:
        run.counts.failed[failure.code] += 1
    run.counts.skipped.update(item.code for item in batch if isinstance(item, Skipped))


def summary(text: str) -> str:
    """What the text tower embeds of a report."""
    return clean(clean_passage(text))


def build_index(run: Run, drafter: Drafter, progress: Progress) -> IndexManifest:
    """Embed the reports that the serving index does not know and publish a new one of all; until then the old one serves."""
    home, model = run.settings.index_directory, drafter.weights.sha256
    batches = _vectors(run, drafter, retrieval.open_known(home, model), progress)
    manifest = retrieval.build(home, batches, model_sha256=model, source={"run": run.id})
    run.details["index"] = {"version": manifest.version, "count": manifest.count, "sha256": manifest.sha256}
    run.counts.numbers["indexed"] = manifest.count
    return manifest


def _vectors(
    run: Run, drafter: Drafter, known: retrieval.Known | None, progress: Progress
) -> Iterator[retrieval.Batch]:
    with session(run.engine, read_only=True) as s:
        for passages in reports.iterate_passages(s, _BATCH):
            if run.cancelled:
                raise Interrupted  # an index of half the reports must not be published
            texts = [summary(passage.text) for passage in passages]
            ids = np.array([passage.report_id for passage in passages], np.int64)
            digests = np.array([retrieval.text_digest(text) for text in texts], np.int64)
            yield ids, digests, _embed(run, drafter, texts, known.take(ids, digests) if known else None)
            progress("index", len(passages))


def _embed(
    run: Run, drafter: Drafter, texts: Sequence[str], taken: tuple[npt.NDArray[np.bool_], retrieval.Vectors] | None
) -> retrieval.Vectors:
    """Vectors (n, d) of texts; those that `taken` knows are not embedded again."""
    vectors = np.zeros((len(texts), drafter.dimension), np.float32)
    fresh = np.ones(len(texts), bool)
    if taken is not None:
        fresh, vectors[taken[0]] = ~taken[0], taken[1]
    vectors[fresh] = drafter.embed_texts([text for text, new in zip(texts, fresh.tolist()) if new])
    run.counts.numbers["embedded"] += int(fresh.sum())
    return vectors
