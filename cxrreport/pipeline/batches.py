"""Due studies -> drafts -> the database: chunks are claimed, given to what drafts them, and stored, each in a transaction."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cxrreport.drafts import Draft
from cxrreport.errors import CxrReportError, InputError
from cxrreport.imaging.load import AWAY
from cxrreport.pipeline.chunks import Chunk, Outcome, Plan, open_chunk
from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.drafters import Drafters
from cxrreport.pipeline.due import DueRow
from cxrreport.pipeline.run import Interrupted, Run
from cxrreport.records import Failure
from cxrreport.store import attempts, catalogue, drafts
from cxrreport.store.engine import session
from cxrreport.store.hold import check_run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.engine.spread import Spread

Make = Callable[[], Callable[[Chunk], Outcome]]


def draft_due(run: Run, plan: Plan, drafters: Drafters, make: Make) -> None:
    """Draft what is due on as many processes as there are to be, and tell the run how busy they were."""
    started = time.perf_counter()
    if drafters.beside:
        run.workers.rest()  # their memory is for those beside the processes
    batches = Batches(run, make)
    batches.draft(plan, *drafters.engines(lambda: bool(run.cancelled)))
    wall_s = time.perf_counter() - started
    run.details["halved_batches"] = batches.halved
    busy = batches.busy_s / (drafters.count * wall_s)
    facts = {"drafters": drafters.count, "workers": drafters.workers}
    run.drafting = {**facts, "wall_s": round(wall_s, 3), "busy": round(busy, 3)}


@dataclass(slots=True)
class Batches:
    """Drafts what is due on an engine; the one place that writes of it."""

    run: Run
    make: Make
    rest: deque[list[DueRow]] = field(default_factory=deque)  # chunks that come one after another
    claimed: set[int] = field(default_factory=set)  # studies in work
    busy_s: float = 0.0  # that chunks were in work
    halved: int = 0

    def draft(self, plan: Plan, engine: Spread, alone: Spread) -> None:
        """Draft chunks side by side, then those that must come in turn; what a lost worker has left is tried one by one.

        alone : an engine with one worker, for these.
        """
        self.rest.extend(plan.in_turn)
        try:
            with engine:
                self._spread(engine, plan.free)
            if self.rest and not self.run.stops:
                with alone:
                    self._spread(alone, self._in_turn())
        except (CxrReportError, Interrupted):  # the surroundings are to blame, not the studies; so says `Spread`
            with suppress(CxrReportError), session(self.run.engine) as s:
                check_run(s, self.run.id)  # a claim of another run is not ours to take back
                attempts.release(s, list(self.claimed))
            raise
        if self.claimed:  # asked to stop before they were tried again
            self.run.transact(attempts.release, list(self.claimed))

    def _in_turn(self) -> Iterator[list[DueRow]]:
        while self.rest:
            yield self.rest.popleft()

    def _spread(self, engine: Spread, chunks: Iterable[list[DueRow]]) -> None:
        for chunk, found in engine.spread(self.make, self._claimed(chunks)):
            if isinstance(found, InputError):
                self._lose(chunk, found)
            else:
                self._finish(chunk, found)

    def _claimed(self, chunks: Iterable[list[DueRow]]) -> Iterator[Chunk]:
        """Attempts are counted before the work. Nothing is begun once the run is late or was asked to stop."""
        for rows in chunks:
            if self.run.stops:
                return
            with self.run.clock.time("claim"):
                chunk = self.run.transact(open_chunk, self.run, rows)
            self.claimed.update(chunk.ids)
            if chunk.due:
                yield chunk

    def _finish(self, chunk: Chunk, outcome: Outcome) -> None:
        self.run.clock.include(outcome.spent)
        self.busy_s, self.halved = self.busy_s + outcome.wall_s, self.halved + outcome.halved
        with self.run.clock.time("store"):
            self.run.transact(_store, self.run, chunk, outcome)
        self._done(chunk)

    def _lose(self, chunk: Chunk, error: InputError) -> None:
        """Try the studies of a lost chunk one by one; one that is lost alone has failed."""
        if self.run.cancelled:  # whoever stops the run may have stopped the workers too
            return
        if len(chunk.due) > 1:
            self.rest.extend([DueRow(d.pair.study.id, d.pair.study.patient_id, d.attempts + 1)] for d in chunk.due)
            return
        failures = [Failure(error.code, error.message, study_id=study_id) for study_id in chunk.ids]
        self.run.transact(attempts.fail_studies, self.run.id, failures)
        self.run.fail(error.code)
        self._done(chunk)

    def _done(self, chunk: Chunk) -> None:
        self.claimed.difference_update(chunk.ids)
        self.run.progress("draft", len(chunk.due))


def _store(s: Session, run: Run, chunk: Chunk, outcome: Outcome) -> None:
    made = [draft for draft in outcome.made if not isinstance(draft, Failure)]
    good = [replace(draft, shadow=True) for draft in made] if run.settings.shadow else made
    bad = [failure for failure in outcome.made if isinstance(failure, Failure)]
    for image_id, sha256 in outcome.digests.items():
        catalogue.set_pixel_digest(s, image_id, sha256)
    for image_id in outcome.pages:  # whatever its tags say: the next run chooses among the other images
        catalogue.mark_unusable(s, image_id, catalogue.NO_CHEST)
        run.skip(catalogue.NO_CHEST)
    drafts.save_drafts(s, run.id, good)
    attempts.release(s, _to_release(chunk, good, bad))
    attempts.fail_studies(s, run.id, bad)
    run.count(Count.DRAFTED, len(good))
    run.count(Count.PAIRED, sum(draft.prior_study_id is not None for draft in good))
    for failure in bad:
        run.fail(failure.code)


def _to_release(chunk: Chunk, good: Sequence[Draft], bad: Sequence[Failure]) -> list[int]:
    """Studies whose attempt does not count: left, or on a mount that is gone, which must not quarantine the archive."""
    counted = {draft.study_id for draft in good} | {one.study_id for one in bad if one.code not in AWAY}
    return [study_id for study_id in chunk.ids if study_id not in counted]
