"""Studies that are due -> films -> drafts -> the database, a batch a transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from cxrreport.engine.local import LocalEngine
from cxrreport.errors import CxrReportError, InputError, StorageError, UnavailableError
from cxrreport.imaging.film import Film, load_film
from cxrreport.imaging.pairing import pair
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.records import Draft, DraftStatus, Failure, Image, Pair, PreparedStudy, Study
from cxrreport.run import Run
from cxrreport.store import catalogue, drafts
from cxrreport.store.engine import session
from cxrreport.store.views import signed_findings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from sqlalchemy.orm import Session

    from cxrreport.composing import Composer
    from cxrreport.imaging.register import Registration
    from cxrreport.store.catalogue import CurrentDraft

_AWAY = "pixels.unreadable"  # the file is not there tonight; tomorrow it may be
_PAGE = 200  # studies looked at in one query
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which studies to draft. `redo`: also those whose draft was made with other weights, another index, or all."""

    since: date | None = None
    until: date | None = None
    patient: str | None = None
    limit: int | None = None
    redo: str | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """What the drafts of this run are made with."""

    weights_sha256: str
    index_version: str


@dataclass(frozen=True, slots=True)
class Due:
    """A study to draft now; `attempts` counts those that ended in a failure or with the run."""

    pair: Pair
    inputs_sha256: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A due study with its films; `reason` says why there is no prior.

    `prior` holds the films as they are; where its frontal film could not be registered, `registered` is None and `flags`
    has "prior_unregistered".
    """

    due: Due
    current: PreparedStudy
    prior: PreparedStudy | None
    reason: str
    flags: tuple[str, ...]
    digests: dict[int, str]  # image id -> sha256 of its pixels
    inputs_sha256: str
    registered: npt.NDArray[np.uint8] | None = None  # the prior's frontal film on the grid of the current one
    quality: float | None = None  # of the registration, 0 to 1


def films_of(pair: Pair) -> list[Image | None]:
    """The films that a draft is made from; None where there is none."""
    return [pair.frontal, pair.lateral, pair.prior_frontal, pair.prior_lateral]


def inputs_sha256(pair: Pair, digests: Mapping[int, str | None]) -> str:
    """Digest of what a draft is made from: films by UID and pixels (`digests` by image id), dates, why there is no prior."""
    # the size of a file that could not be read, so that a mended one makes the study due again
    films = [None if film is None else [film.sop_uid, digests.get(film.id) or film.size] for film in films_of(pair)]
    dates = [str(study.studied_at) for study in (pair.study, pair.prior) if study]
    return hashlib.sha256(json.dumps([films, dates, pair.reason]).encode()).hexdigest()


def is_due(current: CurrentDraft | None, inputs: str, fit: Fit, redo: str | None) -> bool:
    """A study is due without a draft or when its inputs have changed; new weights or a new index alone do not make it so."""
    if current is None or current.inputs_sha256 != inputs:
        return True
    if current.status is not DraftStatus.PRELIMINARY or redo is None:
        return False
    new_weights = (current.weights_sha256, current.preprocess_version) != (fit.weights_sha256, PREPROCESS_VERSION)
    new_index = current.index_version != fit.index_version
    return redo == "all" or (redo == "weights" and new_weights) or (redo == "index" and new_index)


def find_due(run: Run, selection: Selection, fit: Fit) -> Iterator[Due]:
    """Walk the catalogue by pages and yield what is to be drafted, at most `selection.limit`."""
    last, found = 0, 0
    while not run.cancelled:
        with session(run.engine, read_only=True) as s:
            page = catalogue.candidate_studies(
                s, selection.since, selection.until, selection.patient, after_id=last, limit=_PAGE
            )
            due = _due_of_page(run, s, page, selection, fit)
        if not page:
            return
        last = page[-1].id
        for item in due:
            if found == selection.limit:
                return
            found += 1
            yield item


def _due_of_page(run: Run, s: Session, page: Sequence[Study], selection: Selection, fit: Fit) -> list[Due]:
    families = catalogue.patient_studies(s, [study.patient_id for study in page])
    paired = [made for study in page if (made := _pair(study, families[study.patient_id])) is not None]
    inputs = {d.pair.study.id: d.inputs_sha256 for d in paired}
    current = catalogue.current_drafts(s, list(inputs), inputs)
    due = [d for d in paired if is_due(current.get(d.pair.study.id), d.inputs_sha256, fit, selection.redo)]
    attempts = {} if selection.redo == "all" else drafts.past_attempts(s, [d.pair.study.id for d in due])
    free = [replace(d, attempts=n) for d in due if (n := attempts.get(d.pair.study.id, 0)) is not None]
    run.counts.numbers["studies"] += len(page)
    run.counts.numbers["unchanged"] += len(paired) - len(due)
    run.counts.skipped["study.no_frontal"] += len(page) - len(paired)
    run.counts.skipped["study.quarantined"] += len(due) - len(free)  # told as failed by the runs that it cost
    return free


def _pair(study: Study, family: Sequence[Study]) -> Due | None:
    made = pair(study, family)
    if made is None:
        return None
    known = {film.id: film.pixel_sha256 for film in films_of(made) if film}
    return Due(made, inputs_sha256(made, known))


def draft_due(run: Run, due: Iterator[Due], composer: Composer, workers: LocalEngine, progress: Progress) -> None:
    """Draft in batches. A study that has cost a run before is drafted alone, so that it takes no other one along."""
    batch: list[Prepared] = []
    for prepared in _prepare(run, due, workers):
        if prepared.due.attempts:
            _finish(run, [prepared], composer, progress)
            continue
        batch.append(prepared)
        if len(batch) == run.settings.batch_size:
            _finish(run, batch, composer, progress)
            batch = []
    if batch and not run.cancelled:
        _finish(run, batch, composer, progress)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One film of a due study, on its way through a child process."""

    due: Due
    image: Image
    last: bool


def _prepare(run: Run, due: Iterator[Due], workers: LocalEngine) -> Iterator[Prepared]:
    """Read and register all films through two streams of child processes, so that they work while the network drafts."""
    for item, found in workers.map(_register, _read(run, due, workers)):
        if run.cancelled:  # as in `_read`
            return
        yield _place(item, found)


def _register(item: Prepared) -> Registration | None:
    """The prior's frontal film on the current one; None where there is no prior."""
    from cxrreport.imaging.register import register

    return register(item.current.frontal, item.prior.frontal) if item.prior else None


def _place(item: Prepared, found: Registration | InputError | None) -> Prepared:
    """Add the registered prior, or drop one that is no image to compare with. What fails costs the registration alone."""
    if found is None:
        return item
    if isinstance(found, InputError):  # crashed or took too long: told apart from films that do not fit
        return replace(item, flags=(*item.flags, "prior_unregistered", "registration_failed"))
    if not found.usable:
        return replace(item, prior=None, reason=found.reason)
    if not found.registered:
        return replace(item, flags=(*item.flags, "prior_unregistered"), quality=found.quality)
    return replace(item, registered=found.pixels, quality=found.quality)


def _read(run: Run, due: Iterator[Due], workers: LocalEngine) -> Iterator[Prepared]:
    """Read the films of each study in child processes; one that cannot be drafted from is recorded as failed."""
    films: dict[int, Film | InputError] = {}
    for wanted, film in workers.map(partial(_load, run.settings.max_pixels), _films_of(due)):
        if run.cancelled:  # whoever stops the run may have stopped the children too: believe no error any more
            return
        films[wanted.image.id] = film
        if wanted.last:
            try:
                yield _assemble(wanted.due, films)
            except InputError as error:
                _fail(run, wanted.due, error)
            films = {}


def _load(max_pixels: int, wanted: _Wanted) -> Film:
    return load_film(wanted.image.path, max_pixels)


def _films_of(due: Iterator[Due]) -> Iterator[_Wanted]:
    for item in due:
        p = item.pair
        images = [film for film in films_of(p) if film]
        for image in images:
            yield _Wanted(item, image, last=image is images[-1])


def _assemble(due: Due, films: dict[int, Film | InputError]) -> Prepared:
    """Put the films of a study together. Without its frontal film it fails; without another one it goes on, flagged."""
    p = due.pair
    frontal = films[p.frontal.id]
    if isinstance(frontal, InputError):
        raise frontal
    flags = []
    lateral = films[p.lateral.id] if p.lateral else None
    if isinstance(lateral, InputError):
        lateral = None
        flags.append("lateral_unreadable")
    prior_frontal = films[p.prior_frontal.id] if p.prior_frontal else None
    prior_lateral = films[p.prior_lateral.id] if p.prior_lateral else None
    reason = "prior.unreadable" if isinstance(prior_frontal, InputError) else p.reason
    digests = {image_id: film.pixel_sha256 for image_id, film in films.items() if isinstance(film, Film)}
    away = {image_id: _AWAY for image_id, film in films.items() if getattr(film, "code", "") == _AWAY}
    inputs = inputs_sha256(p, {**digests, **away})  # with a film away this is not what the catalogue knows: due again
    prior = _prior(prior_frontal, prior_lateral)
    return Prepared(due, _study(frontal, lateral), prior, reason, tuple(flags), digests, inputs)


def _study(frontal: Film, lateral: Film | None) -> PreparedStudy:
    return PreparedStudy(frontal.pixels, lateral.pixels if lateral else None)


def _prior(frontal: Film | InputError | None, lateral: Film | InputError | None) -> PreparedStudy | None:
    if not isinstance(frontal, Film):
        return None
    return _study(frontal, lateral if isinstance(lateral, Film) else None)


def _fail(run: Run, due: Due, error: InputError) -> None:
    study_id = due.pair.study.id
    counted = error.code != _AWAY  # three nights without the mount must not quarantine the archive
    with session(run.engine) as s:
        if counted:
            drafts.claim(s, run.id, [study_id])
        drafts.fail_studies(s, run.id, [Failure(error.code, error.message, study_id=study_id)], counted=counted)
    run.counts.failed[error.code] += 1


def _finish(run: Run, batch: Sequence[Prepared], composer: Composer, progress: Progress) -> None:
    """Draft one batch and store it in one transaction. Attempts are counted before the work."""
    ids = [item.due.pair.study.id for item in batch]
    with session(run.engine) as s:
        if all(item.due.attempts == 0 for item in batch):
            drafts.clear_failures(s, ids)  # `--redo all` gives quarantined studies another chance
        drafts.claim(s, run.id, ids)
    try:
        priors = {p.prior.id: p.study.studied_at for p in (item.due.pair for item in batch) if p.prior}
        with session(run.engine, read_only=True) as s:
            told = signed_findings(s, priors)
        made = composer.compose(batch, told)
        _store(run, batch, made)
    except (StorageError, UnavailableError):  # the surroundings are to blame, not the studies
        with suppress(CxrReportError), session(run.engine) as s:
            drafts.release(s, ids)
        raise
    progress("draft", len(batch))


def _store(run: Run, batch: Sequence[Prepared], made: Sequence[Draft | Failure]) -> None:
    good = [draft for draft in made if not isinstance(draft, Failure)]
    bad = [draft for draft in made if isinstance(draft, Failure)]
    with session(run.engine) as s:
        for image_id, sha256 in (digest for item in batch for digest in item.digests.items()):
            catalogue.set_pixel_digest(s, image_id, sha256)
        drafts.save_drafts(s, run.id, good)
        drafts.fail_studies(s, run.id, bad)
    run.counts.numbers["drafted"] += len(good)
    run.counts.numbers["paired"] += sum(draft.prior_study_id is not None for draft in good)
    for failure in bad:
        run.counts.failed[failure.code] += 1
