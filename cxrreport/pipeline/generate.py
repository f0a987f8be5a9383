"""The job `generate`, from end to end: scan an export, find what is due, draft it. The stages meet only here."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport import DISCLAIMER
from cxrreport.drafting.compose import Composer
from cxrreport.drafting.drafter import load_drafter, upright_reader
from cxrreport.drafting.retrieve import Retriever
from cxrreport.drafting.wording_file import load_wording
from cxrreport.files import must_exist
from cxrreport.log import Progress, get_log
from cxrreport.model.drafter import Drafter
from cxrreport.model.gpu import gpu_errors
from cxrreport.pipeline.batches import draft_due
from cxrreport.pipeline.counts import GENERATE, Count
from cxrreport.pipeline.due import Versions, by_patient, find_due, read_due
from cxrreport.pipeline.refusals import check_refusals
from cxrreport.pipeline.run import Run, open_run
from cxrreport.pipeline.scan import classify_views, scan
from cxrreport.pipeline.scope import withdraw
from cxrreport.pipeline.selection import Selection
from cxrreport.pipeline.serving import open_retrieval
from cxrreport.pipeline.unretrievable import tell_unretrievable
from cxrreport.settings import Settings

if TYPE_CHECKING:
    from cxrreport.imaging.upright import Upright


def generate(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """Scan, pair, draft, store. Wording, weights and index are verified before anything is scanned.

    Returns the counts of `generate --json` and the exit code: 0, 3 (some files or studies failed) or 128 + signal.
    """
    wording = load_wording(settings.wording)
    selection.check(paths)
    with open_run(settings, progress) as run:
        run.metrics = settings.metrics
        run.ends = time.monotonic() + 60 * (settings.max_minutes or math.inf)
        must_exist(paths)  # before the network takes its time to load
        drafter = load_drafter(settings)
        retriever = _open_retriever(run, drafter, without_retrieval)
        scan(run, paths)
        weights = drafter.weights
        upright = upright_reader(weights)
        with gpu_errors():
            classify_views(run, drafter, upright)
        check_refusals(run, paths)
        withdraw(run, selection.allow_out_of_scope)
        used = weights.calibration.sha256 if weights.calibration else None
        made_with = Versions(weights.sha256, retriever.index_version, used)
        due = by_patient(find_due(run, selection, made_with))
        _draft(run, due, Composer(drafter, retriever, wording), upright)
        run.details["halved_batches"] = drafter.halved
        if not without_retrieval:
            tell_unretrievable(run)
    return {**run.summary(GENERATE), "unretrievable": run.details.get("unretrievable", {})}, run.exit_code


def _draft(run: Run, due: Sequence[tuple[int, int]], composer: Composer, upright: Upright | None) -> None:
    """Draft what is due, as long as there is time; count what is left."""
    failed = run.counts.failed.total()
    run.count(Count.DUE, len(due))
    run.progress("draft", 0, len(due))
    draft_due(run, read_due(run, due), composer, upright)
    run.count(Count.LEFT, len(due) - run.counts.numbers[Count.DRAFTED] - (run.counts.failed.total() - failed))
    if run.late:
        get_log().warning("run.late", count=run.counts.numbers[Count.LEFT])


def _open_retriever(run: Run, drafter: Drafter, without_retrieval: bool) -> Retriever:
    """Open the index, and tell the manifest of the run what it drafts with."""
    settings, weights = run.settings, drafter.weights
    index = None if without_retrieval else open_retrieval(settings, weights.sha256, drafter.spaces, run.engine)
    run.details |= {
        "disclaimer": DISCLAIMER,
        "weights": {"sha256": weights.sha256, "name": weights.manifest.get("name", "")},
        "index": asdict(index.manifest) if index else None,
        "calibration": weights.calibration.sha256 if weights.calibration else None,
        "decoding": asdict(drafter.decoding),
    }
    undated = settings.undated_reports
    return Retriever(run.engine, index, settings.retriever, drafter.retrieved, drafter.dimension, undated)
