"""The two main jobs, from end to end: `generate` drafts an export, `index` rebuilds retrieval. The stages meet only here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport import DISCLAIMER
from cxrreport.engine.local import LocalEngine
from cxrreport.log import Progress
from cxrreport.pipeline.batches import draft_due
from cxrreport.pipeline.due import Fit, Selection, find_due
from cxrreport.pipeline.opening import load_drafter, open_retrieval, summary
from cxrreport.pipeline.run import Run, open_run
from cxrreport.pipeline.scan import classify_views, scan
from cxrreport.settings import Settings

if TYPE_CHECKING:
    from cxrreport.model.drafter import Drafter
    from cxrreport.retrieval.build import Index

_GENERATE = ("files", "images", "studies", "paired", "drafted", "unchanged")


def generate(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """Scan, pair, draft, store. Weights and index are verified before anything is scanned.

    Returns the counts of `generate --json` and the exit code: 0, 3 (some files or studies failed) or 128 + signal.
    """
    with open_run(settings) as run:
        drafter = load_drafter(settings)
        index = None if without_retrieval else open_retrieval(settings, drafter, run.engine)
        run.details |= _provenance(drafter, index)
        with LocalEngine(settings.workers, settings.decode_timeout_s, settings.decode_memory_mb) as workers:
            scan(run, paths, progress)
            classify_views(run, drafter, workers, progress)
            fit = Fit(drafter.weights.sha256, index.manifest.version if index else "")
            _draft(run, selection, fit, drafter, index, workers, progress)
    return summary(run, _GENERATE), run.exit_code


def _draft(
    run: Run,
    selection: Selection,
    fit: Fit,
    drafter: Drafter,
    index: Index | None,
    workers: LocalEngine,
    progress: Progress,
) -> None:
    from cxrreport.drafting.compose import Composer
    from cxrreport.drafting.retrieve import Retriever

    name, undated = run.settings.retriever, run.settings.undated_reports
    retriever = Retriever(run.engine, index, name, drafter.retrieved, drafter.dimension, undated)
    draft_due(run, find_due(run, selection, fit), Composer(drafter, retriever), workers, progress)


def _provenance(drafter: Drafter, index: Index | None) -> dict[str, Any]:
    return {
        "disclaimer": DISCLAIMER,
        "weights": {"sha256": drafter.weights.sha256, "name": drafter.weights.manifest.get("name", "")},
        "index": asdict(index.manifest) if index else None,
        "decoding": asdict(drafter.decoding),
    }


def preview(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """`generate --dry-run`: catalogue the export and count what would be drafted, without loading the network.

    Films whose view only the pixels can tell are left out of the counts; `unknown_view` says how many there are.
    """
    from cxrreport.store import catalogue
    from cxrreport.store.engine import session

    with open_run(settings) as run:
        scan(run, paths, progress)
        for due in find_due(run, selection, _expected_fit(settings, selection, without_retrieval)):
            run.counts.numbers["due"] += 1
            run.counts.numbers["paired"] += int(due.pair.prior is not None)
        with session(run.engine, read_only=True) as s:
            run.counts.numbers["unknown_view"] = catalogue.count_without_view(s)
    return summary(run, (*_GENERATE, "due", "unknown_view")), run.exit_code


def _expected_fit(settings: Settings, selection: Selection, without_retrieval: bool) -> Fit:
    """What a run would draft with, read from the manifests; the weights are asked only where they matter: torch is slow."""
    from cxrreport.retrieval import publish

    version = "" if without_retrieval else publish.current(settings.index_directory) or ""
    if selection.redo != "weights":
        return Fit("", version)
    from cxrreport.model.manifest import default_directory, read_manifest, weights_sha256

    return Fit(weights_sha256(read_manifest(settings.weights or default_directory())), version)
