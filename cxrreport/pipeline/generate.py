"""The job `generate`, from end to end: scan an export, find what is due, draft it. The stages meet only here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cxrreport import DISCLAIMER
from cxrreport.drafting.compose import Composer
from cxrreport.drafting.drafter import load_drafter, upright_reader
from cxrreport.drafting.retrieve import Retriever
from cxrreport.drafting.wording_file import load_wording
from cxrreport.files import must_exist
from cxrreport.log import Progress
from cxrreport.model.drafter import Drafter
from cxrreport.model.gpu import gpu_errors
from cxrreport.pipeline.batches import draft_due
from cxrreport.pipeline.counts import GENERATE
from cxrreport.pipeline.due import Versions, find_due
from cxrreport.pipeline.run import Run, open_run
from cxrreport.pipeline.scan import classify_views, scan
from cxrreport.pipeline.scope import withdraw
from cxrreport.pipeline.selection import Selection
from cxrreport.pipeline.serving import open_retrieval
from cxrreport.settings import Settings


def generate(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """Scan, pair, draft, store. Wording, weights and index are verified before anything is scanned.

    Returns the counts of `generate --json` and the exit code: 0, 3 (some files or studies failed) or 128 + signal.
    """
    wording = load_wording(settings.wording)
    selection.check(paths)
    with open_run(settings, progress) as run:
        must_exist(paths)  # before the network takes its time to load
        drafter = load_drafter(settings)
        retriever = _open_retriever(run, drafter, without_retrieval)
        scan(run, paths)
        weights = drafter.weights
        upright = upright_reader(weights)
        with gpu_errors():
            classify_views(run, drafter, upright)
        withdraw(run, selection.allow_out_of_scope)
        used = weights.calibration.sha256 if weights.calibration else None
        due = find_due(run, selection, Versions(weights.sha256, retriever.index_version, used))
        draft_due(run, due, Composer(drafter, retriever, wording), upright)
        run.details["halved_batches"] = drafter.halved
    return run.summary(GENERATE), run.exit_code


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
