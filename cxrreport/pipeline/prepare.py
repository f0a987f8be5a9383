"""Due studies -> their films, the prior laid over the current one, through child processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from cxrreport.codes import Flag, PriorReason
from cxrreport.errors import InputError
from cxrreport.imaging.load import LoadedImage, load_image
from cxrreport.imaging.pairing import inputs_sha256
from cxrreport.pipeline.run import Run
from cxrreport.records import Due, Failure, Image, Prepared, PreparedStudy
from cxrreport.store import drafts
from cxrreport.store.engine import session

if TYPE_CHECKING:
    from cxrreport.imaging.register import Registration

_AWAY = "pixels.unreadable"  # the file is not there tonight; tomorrow it may be


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One film of a due study, on its way through a child process."""

    due: Due
    image: Image
    last: bool


def prepare(run: Run, due: Iterator[Due]) -> Iterator[Prepared]:
    """Read and register all films through two streams of child processes, so that they work while the network drafts."""
    for item, found in run.workers.map(_register, _read(run, due)):
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
        return replace(item, flags=(*item.flags, Flag.PRIOR_UNREGISTERED, Flag.REGISTRATION_FAILED))
    if not found.usable:
        return replace(item, prior=None, reason=found.reason)
    if not found.registered:
        return replace(item, flags=(*item.flags, Flag.PRIOR_UNREGISTERED), quality=found.quality)
    return replace(item, registered=found.pixels, quality=found.quality)


def _read(run: Run, due: Iterator[Due]) -> Iterator[Prepared]:
    """Read the films of each study in child processes; one that cannot be drafted from is recorded as failed."""
    films: dict[int, LoadedImage | InputError] = {}
    for wanted, film in run.workers.map(partial(_load, run.settings.max_pixels), _films_of(due)):
        if run.cancelled:  # whoever stops the run may have stopped the children too: believe no error any more
            return
        films[wanted.image.id] = film
        if wanted.last:
            try:
                yield _assemble(wanted.due, films)
            except InputError as error:
                _fail(run, wanted.due, error)
            films = {}


def _load(max_pixels: int, wanted: _Wanted) -> LoadedImage:
    return load_image(wanted.image.path, max_pixels)


def _films_of(due: Iterator[Due]) -> Iterator[_Wanted]:
    for item in due:
        p = item.pair
        images = [film for film in p.images if film]
        for image in images:
            yield _Wanted(item, image, last=image is images[-1])


def _assemble(due: Due, films: dict[int, LoadedImage | InputError]) -> Prepared:
    """Put the films of a study together. Without its frontal film it fails; without another one it goes on, flagged."""
    p = due.pair
    frontal = films[p.frontal.id]
    if isinstance(frontal, InputError):
        raise frontal
    flags = []
    lateral = films[p.lateral.id] if p.lateral else None
    if isinstance(lateral, InputError):
        lateral = None
        flags.append(Flag.LATERAL_UNREADABLE)
    prior_frontal = films[p.prior_frontal.id] if p.prior_frontal else None
    prior_lateral = films[p.prior_lateral.id] if p.prior_lateral else None
    reason = PriorReason.UNREADABLE if isinstance(prior_frontal, InputError) else p.reason
    digests = {image_id: film.pixel_sha256 for image_id, film in films.items() if isinstance(film, LoadedImage)}
    away = {image_id: _AWAY for image_id, film in films.items() if getattr(film, "code", "") == _AWAY}
    inputs = inputs_sha256(p, {**digests, **away})  # with a film away this is not what the catalogue knows: due again
    prior = _prior(prior_frontal, prior_lateral)
    return Prepared(due, _study(frontal, lateral), prior, reason, tuple(flags), digests, inputs)


def _study(frontal: LoadedImage, lateral: LoadedImage | None) -> PreparedStudy:
    return PreparedStudy(frontal.pixels, lateral.pixels if lateral else None)


def _prior(frontal: LoadedImage | InputError | None, lateral: LoadedImage | InputError | None) -> PreparedStudy | None:
    if not isinstance(frontal, LoadedImage):
        return None
    return _study(frontal, lateral if isinstance(lateral, LoadedImage) else None)


def _fail(run: Run, due: Due, error: InputError) -> None:
    study_id = due.pair.study.id
    counted = error.code != _AWAY  # three nights without the mount must not quarantine the archive
    with session(run.engine) as s:
        if counted:
            drafts.claim(s, run.id, [study_id])
        drafts.fail_studies(s, run.id, [Failure(error.code, error.message, study_id=study_id)], counted=counted)
    run.fail(error.code)
