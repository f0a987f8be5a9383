"""What a process that drafts does: films of a chunk -> drafts. It reads the archive, and writes nothing.

There is one in the run itself, or one in each of the processes beside it (`opening`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cxrreport.codes import Flag, PriorReason
from cxrreport.drafts import Draft, heard
from cxrreport.model.gpu import gpu_errors
from cxrreport.pipeline.chunks import Chunk, Outcome
from cxrreport.pipeline.prepare import Reader, prepare
from cxrreport.records import Prepared, View
from cxrreport.store.engine import batches

if TYPE_CHECKING:
    from cxrreport.drafting.compose import Composer
    from cxrreport.model.drafter import Drafter


@dataclass(frozen=True, slots=True)
class ChunkDrafter:
    """Drafts one chunk after another."""

    composer: Composer
    reader: Reader
    batch_size: int

    def __call__(self, chunk: Chunk) -> Outcome:
        """Draft in batches. What one batch has made is heard by the next, as if it were stored."""
        started, halved = time.perf_counter(), self.composer.drafter.halved
        outcome, drafted = Outcome(), dict(chunk.drafted)
        for batch in self._batches(chunk, outcome):
            with gpu_errors():
                ready = _doubted(_same_view(batch, self.composer.drafter), self.composer.drafter)
                made = self.composer.compose(ready, chunk.signed, drafted)
            outcome.made += made
            outcome.digests.update(digest for item in batch for digest in item.digests.items())
            drafted |= {one.study_id: heard(one.finding_rows, one.abstained) for one in made if isinstance(one, Draft)}
        outcome.halved = self.composer.drafter.halved - halved
        outcome.spent, outcome.wall_s = self.reader.clock.take(), time.perf_counter() - started
        return outcome

    def _batches(self, chunk: Chunk, outcome: Outcome) -> Iterator[Sequence[Prepared]]:
        for batch in batches(prepare(self.reader, chunk.due, outcome), self.batch_size):
            if self.reader.stopped():
                return
            yield batch


def _same_view(batch: Sequence[Prepared], drafter: Drafter) -> list[Prepared]:
    """Leave out priors whose frontal image is another view by its pixels, whatever its tags say.

    Only of one that could not be laid over the current image there is any doubt: what fits is of the same view.
    """
    doubtful = [item.prior.frontal for item in batch if item.prior and item.registered is None]
    guesses = iter(drafter.guess_views(doubtful) if doubtful else ())
    return [
        _without_prior(item) if item.prior and item.registered is None and not next(guesses).view.is_frontal else item
        for item in batch
    ]


def _without_prior(item: Prepared) -> Prepared:
    flags = tuple(flag for flag in item.flags if flag is not Flag.PRIOR_UNREGISTERED)
    return replace(item, prior=None, quality=None, reason=PriorReason.OTHER_VIEW, flags=flags)


def _doubted(batch: Sequence[Prepared], drafter: Drafter) -> list[Prepared]:
    """Flag films that are no chest by their pixels, whatever their tags say: a page of text, another part of the body."""
    guesses = drafter.guess_views([item.current.frontal for item in batch])
    told = [
        guess.view is View.OTHER and Flag.FILM_UNUSUAL not in item.flags
        for item, guess in zip(batch, guesses, strict=True)
    ]
    return [
        replace(item, flags=(*item.flags, Flag.FILM_UNUSUAL)) if odd else item
        for item, odd in zip(batch, told, strict=True)
    ]
