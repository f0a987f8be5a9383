"""Due studies -> the pixels of their images, the prior laid over the current one, through child processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cxrreport.codes import Flag, PriorReason
from cxrreport.errors import InputError
from cxrreport.imaging.load import AWAY, PAGE, LoadedImage, as_filed, load_image
from cxrreport.imaging.pairing import inputs_sha256
from cxrreport.pipeline.run import Run
from cxrreport.pipeline.scope import is_child
from cxrreport.records import UPRIGHT, Due, Failure, Image, Prepared, PreparedStudy
from cxrreport.store import attempts, catalogue

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from sqlalchemy.orm import Session

    from cxrreport.imaging.register import Registration
    from cxrreport.imaging.upright import Upright


Found = dict[int, LoadedImage | InputError]  # what came of each image, by its id
Value = TypeVar("Value")
_KEPT = 16  # images that are remembered for the studies that follow
_MOST = 4  # of one study and its prior


def prepare(run: Run, due: Iterator[Due], upright: Upright | None) -> Iterator[Prepared]:
    """Read and register all images through two streams of child processes, so that they work while the network drafts."""
    for item, found in run.workers.map(_register, _read(run, due, upright)):
        if run.cancelled:  # as in `_read`
            return
        yield _place(item, found)


def _register(item: Prepared) -> Registration | None:
    """The prior's frontal image on the current one; None where there is no prior."""
    from cxrreport.imaging.register import register

    return register(item.current.frontal, item.prior.frontal) if item.prior else None


def _place(item: Prepared, found: Registration | InputError | None) -> Prepared:
    """Add the registered prior, or drop one that is no image to compare with. What fails costs the registration alone."""
    if found is None:
        return item
    if isinstance(found, InputError):  # crashed or took too long: told apart from images that do not fit
        return replace(item, flags=(*item.flags, Flag.PRIOR_UNREGISTERED, Flag.REGISTRATION_FAILED))
    if not found.usable and found.reason != PriorReason.OTHER_VIEW:  # that is for the classifier of views to say
        return replace(item, prior=None, reason=found.reason)
    if not found.registered:
        return replace(item, flags=(*item.flags, Flag.PRIOR_UNREGISTERED), quality=found.quality)
    return replace(item, registered=found.pixels, quality=found.quality)


def _read(run: Run, due: Iterator[Due], upright: Upright | None) -> Iterator[Prepared]:
    """Read the images of each study in child processes; one that cannot be drafted from is recorded as failed.

    In the order of patients a prior is often the study just before: its images are not read again.
    """
    found: Found = {}
    for (item, image), loaded in run.workers.map(partial(_load, run.settings.max_pixels, upright), _unread(due)):
        if run.cancelled:  # whoever stops the run may have stopped the children too: believe no error any more
            return
        _keep(found, image.id, loaded, _KEPT + _MOST)
        if getattr(loaded, "code", "") == PAGE:
            _leave_page(run, image)
        if image is not item.pair.frontal:  # which comes last
            continue
        try:
            yield _assemble(item, {one.id: found[one.id] for one in item.pair.images if one})
        except InputError as error:
            _fail(run, item, error)


def _unread(due: Iterator[Due]) -> Iterator[tuple[Due, Image]]:
    """The images that each study needs: of the prior those that were not asked for shortly before, and its own."""
    asked: dict[int, None] = {}
    for item in due:
        frontal, lateral, *before = item.pair.images
        wanted = [one for one in before if one and one.id not in asked]
        for image in filter(None, (*wanted, lateral, frontal)):
            _keep(asked, image.id, None, _KEPT)
            yield item, image


def _keep(kept: dict[int, Value], key: int, value: Value, most: int) -> None:
    """Add what is newest, and forget what is oldest."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > most:
        del kept[next(iter(kept))]


def _leave_page(run: Run, image: Image) -> None:
    """Take a page of text out of use, whatever its tags say: the next run chooses among the other images."""
    run.transact(catalogue.mark_unusable, image.id, catalogue.NO_CHEST)
    run.skip(catalogue.NO_CHEST)


def _load(max_pixels: int, upright: Upright | None, wanted: tuple[Due, Image]) -> LoadedImage:
    image = wanted[1]
    with as_filed(image):
        return load_image(image.path, max_pixels, upright if image.view and image.view.is_frontal else None)


def _assemble(due: Due, found: Found) -> Prepared:
    """Put the images of a study together. Without its frontal one it fails; without another one it goes on, flagged."""
    lateral, prior_frontal, prior_lateral = (found[image.id] if image else None for image in due.pair.images[1:])
    if isinstance(frontal := found[due.pair.frontal.id], InputError):
        raise frontal
    digests = {image_id: loaded.pixel_sha256 for image_id, loaded in found.items() if isinstance(loaded, LoadedImage)}
    away = {image_id: "away" for image_id, loaded in found.items() if getattr(loaded, "code", "") in AWAY}
    return Prepared(
        due,
        PreparedStudy(frontal.pixels, _pixels(lateral)),
        PreparedStudy(prior_frontal.pixels, _pixels(prior_lateral)) if isinstance(prior_frontal, LoadedImage) else None,
        PriorReason.UNREADABLE if isinstance(prior_frontal, InputError) else due.pair.reason,
        _flags(due, frontal, lateral, prior_frontal),
        digests,
        inputs_sha256(due.pair, {**digests, **away}),  # with an image away not what the catalogue knows: due again
        lie=frontal.lie,
        prior_lie=prior_frontal.lie if isinstance(prior_frontal, LoadedImage) else UPRIGHT,
    )


def _flags(
    due: Due, frontal: LoadedImage, lateral: LoadedImage | InputError | None, prior: LoadedImage | InputError | None
) -> tuple[Flag, ...]:
    lie = frontal.lie
    told = {
        Flag.OUT_OF_SCOPE: is_child(due.pair.study),
        Flag.FILM_INVERTED: lie.inverted,
        Flag.FILM_TURNED: lie.turns,
        Flag.FILM_MIRRORED: lie.mirrored,
        Flag.FILM_CROPPED: lie.cropped,
        Flag.FILM_UNUSUAL: lie.unusual,
        Flag.LATERAL_UNREADABLE: isinstance(lateral, InputError),
        Flag.PRIOR_MENDED: isinstance(prior, LoadedImage) and prior.lie.mended,
    }
    return tuple(flag for flag, holds in told.items() if holds)


def _pixels(found: LoadedImage | InputError | None) -> npt.NDArray[np.uint8] | None:
    return found.pixels if isinstance(found, LoadedImage) else None


def _fail(run: Run, due: Due, error: InputError) -> None:
    if error.code == PAGE:  # nothing has failed
        return
    study_id = due.pair.study.id
    counts = error.code not in AWAY  # three nights without the mount must not quarantine the archive

    def record(s: Session) -> None:
        if counts:
            attempts.claim(s, run.id, [study_id])
        attempts.fail_studies(s, run.id, [Failure(error.code, error.message, study_id=study_id)])

    run.transact(record)
    run.fail(error.code)
