"""The job `generate`, from end to end: scan an export, find what is due, draft it. The stages meet only here."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport import DISCLAIMER
from cxrreport.clock import Clock
from cxrreport.drafting.compose import Composer
from cxrreport.drafting.drafter import load_drafter, upright_reader
from cxrreport.drafting.retrieve import Retriever
from cxrreport.drafting.withhold import Closed, is_everything
from cxrreport.drafting.wording_file import load_wording
from cxrreport.drafts import MadeWith
from cxrreport.files import must_exist
from cxrreport.log import Progress, get_log
from cxrreport.model.drafter import Drafter
from cxrreport.model.gpu import gpu_errors
from cxrreport.pipeline.batches import Make, draft_due
from cxrreport.pipeline.chunks import plan
from cxrreport.pipeline.cluster import choose, join
from cxrreport.pipeline.counts import GENERATE, Count
from cxrreport.pipeline.drafters import Drafters
from cxrreport.pipeline.drafting import ChunkDrafter
from cxrreport.pipeline.due import DueRow, by_patient, find_due
from cxrreport.pipeline.opening import Opened, Opening, open_retriever, versions_of
from cxrreport.pipeline.prepare import Reader
from cxrreport.pipeline.refusals import check_refusals
from cxrreport.pipeline.run import Run, open_run
from cxrreport.pipeline.scan import classify_views, scan
from cxrreport.pipeline.scope import withdraw
from cxrreport.pipeline.selection import Selection
from cxrreport.pipeline.serving import open_retrieval
from cxrreport.pipeline.unretrievable import tell_unretrievable
from cxrreport.settings import Settings
from cxrreport.store.alarms import ringing
from cxrreport.store.retry import transact
from cxrreport.store.telling import withdraw_telling
from cxrreport.trust.gates import count_gates, withheld
from cxrreport.trust.policy import load_policy

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.imaging.upright import Upright


def generate(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """Scan, pair, draft, store. Wording, weights and index are verified before anything is scanned.

    Returns the counts of `generate --json` and the exit code: 0, 3 (some files or studies failed) or 128 + signal.
    """
    wording, limits = load_wording(settings.wording), load_policy(settings.trust).abstain.limits
    selection.check(paths)
    with open_run(settings, progress) as run, join(run) as cluster:
        run.metrics = settings.metrics
        run.ends = time.monotonic() + 60 * (settings.max_minutes or math.inf)
        must_exist(paths)  # before the network takes its time to load
        drafter = load_drafter(settings)
        retriever = _open_retriever(run, drafter, without_retrieval)
        with run.clock.time("scan"):
            scan(run, paths)
        upright = upright_reader(drafter.weights)
        with run.clock.time("views"), gpu_errors():
            classify_views(run, drafter, upright)
        check_refusals(run, paths)
        withdraw(run, selection.allow_out_of_scope)
        made_with = versions_of(drafter, retriever)
        kept = _withheld(run, MadeWith(made_with.weights_sha256, made_with.calibration_sha256))
        with run.clock.time("due"):
            found = find_due(run, selection, made_with)
            due = by_patient(islice(found, selection.limit))
            beyond = sum(1 for _ in found)
        drafters = choose(run, len(due), cluster)
        make: Make = Opening(drafters.settings(settings), Opened(made_with, wording.digest), kept, limits)
        if not drafters.beside:
            make = _drafts_here(run, Composer(drafter, retriever, wording, Clock(), kept, limits), upright)
        del drafter, retriever  # each process beside this one has its own
        _draft(run, due, beyond, drafters, make)
        _count_alarms(run)
        if not without_retrieval:
            tell_unretrievable(run)
    return {**run.summary(GENERATE), "unretrievable": run.details.get("unretrievable", {})}, run.exit_code


def _drafts_here(run: Run, composer: Composer, upright: Upright | None) -> Make:
    """Draft in this process; a signal stops it after the batch in hand."""
    reader = Reader(run.workers, upright, run.settings.max_pixels, composer.clock, lambda: bool(run.cancelled))
    drafter = ChunkDrafter(composer, reader, run.settings.batch_size)
    return lambda: drafter


def _draft(run: Run, due: Sequence[DueRow], beyond: int, drafters: Drafters, make: Make) -> None:
    """Draft what is due, as long as there is time; count what is left, however it ends. beyond : due, and over the limit."""
    failed = run.counts.failed.total()
    run.count(Count.DUE, len(due) + beyond)
    run.progress("draft", 0, len(due))
    try:
        draft_due(run, plan(due, run.settings.batch_size, drafters.count), drafters, make)
    finally:
        done = run.counts.numbers[Count.DRAFTED] + run.counts.failed.total() - failed
        run.count(Count.LEFT, len(due) + beyond - done)
    if run.late:
        get_log().warning("run.late", count=run.counts.numbers[Count.LEFT])


def _count_alarms(run: Run) -> None:
    """Count the alarms of drift that ring, for what watches the runs."""
    if found := transact(run.engine, ringing, read_only=True):
        run.count(Count.ALARMS, len(found))


def _withheld(run: Run, used: MadeWith) -> Closed:
    """What drafts keep from their readers; those that nobody has read and that tell it are withdrawn, and due again."""

    def look(s: Session) -> tuple[Closed, int, dict[str, int]]:
        found = withheld(s, used, run.settings.withhold)
        return found, withdraw_telling(s, found), count_gates(s, used)

    found, withdrawn, gates = run.transact(look)
    run.count(Count.WITHDRAWN, withdrawn)
    run.details |= {"withheld": dict(found), "gates": gates}
    if is_everything(found):
        get_log().warning("run.unproved")  # all of its drafts are in shadow
    return found


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
    return open_retriever(run.engine, index, drafter, settings)
