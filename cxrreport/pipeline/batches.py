"""Films of due studies -> drafts -> the database, a batch a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from cxrreport.codes import Flag, PriorReason
from cxrreport.drafts import Draft
from cxrreport.errors import CxrReportError, LockedError, StorageError, UnavailableError
from cxrreport.findings import State
from cxrreport.model.gpu import gpu_errors
from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.prepare import prepare
from cxrreport.pipeline.run import Interrupted, Run
from cxrreport.records import Due, Failure, Prepared, View
from cxrreport.reports.language import is_english_report
from cxrreport.store import attempts, catalogue, drafts
from cxrreport.store.engine import session
from cxrreport.store.hold import check_run
from cxrreport.store.views import Signed, drafted_states, signed_findings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.drafting.compose import Composer
    from cxrreport.imaging.upright import Upright
    from cxrreport.model.drafter import Drafter


def draft_due(run: Run, due: Iterator[Due], composer: Composer, upright: Upright | None) -> None:
    """Draft in batches, from images put `upright`. A study that has cost a run before is drafted alone: it takes none along."""
    batch: list[Prepared] = []
    for prepared in prepare(run, due, upright):
        if prepared.due.attempts:
            _finish(run, [prepared], composer)
            continue
        batch.append(prepared)
        if len(batch) == run.settings.batch_size:
            _finish(run, batch, composer)
            batch = []
    if batch and not run.cancelled:
        _finish(run, batch, composer)


def _finish(run: Run, batch: Sequence[Prepared], composer: Composer) -> None:
    """Draft one batch and store it in one transaction. Attempts are counted before the work."""
    ids = [item.due.pair.study.id for item in batch]
    signed, drafted = run.transact(_claim, run, batch)
    try:
        with gpu_errors():
            doubted = _doubted(_same_view(batch, composer.drafter), composer.drafter)
            made = composer.compose(doubted, signed, drafted)
        run.transact(_store, run, batch, made)
    except (StorageError, UnavailableError, LockedError, Interrupted):  # the surroundings are to blame, not the studies
        with suppress(CxrReportError), session(run.engine) as s:
            check_run(s, run.id)  # a claim of another run is not ours to take back
            attempts.release(s, ids)
        raise
    run.progress("draft", len(batch))


def _claim(s: Session, run: Run, batch: Sequence[Prepared]) -> tuple[dict[int, Signed], dict[int, dict[str, State]]]:
    """Count the attempts; read what is known of the priors: signed reports and the states that were drafted."""
    ids = [item.due.pair.study.id for item in batch]
    priors = {p.prior.id: p.study.studied_at for p in (item.due.pair for item in batch) if p.prior}
    if all(item.due.attempts == 0 for item in batch):
        attempts.clear_failures(s, ids)  # `--redo all` gives quarantined studies another chance
    attempts.claim(s, run.id, ids)
    return _in_english(signed_findings(s, priors)), drafted_states(s, priors, shadow=run.settings.shadow)


def _in_english(signed: dict[int, Signed]) -> dict[int, Signed]:
    """A report in another language tells the network and the rules nothing that could be trusted."""
    return {
        study_id: report
        for study_id, report in signed.items()
        if is_english_report(report.findings, report.impression) is not False
    }


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


def _store(s: Session, run: Run, batch: Sequence[Prepared], made: Sequence[Draft | Failure]) -> None:
    good = [replace(draft, shadow=run.settings.shadow) for draft in made if not isinstance(draft, Failure)]
    bad = [draft for draft in made if isinstance(draft, Failure)]
    for image_id, sha256 in (digest for item in batch for digest in item.digests.items()):
        catalogue.set_pixel_digest(s, image_id, sha256)
    drafts.save_drafts(s, run.id, good)
    attempts.fail_studies(s, run.id, bad)
    run.count(Count.DRAFTED, len(good))
    run.count(Count.PAIRED, sum(draft.prior_study_id is not None for draft in good))
    for failure in bad:
        run.fail(failure.code)
