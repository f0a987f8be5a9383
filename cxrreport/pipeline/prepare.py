"""Due studies -> the pixels of their images, the prior laid over the current one, through child processes.

It runs in the process that drafts: in the run itself or in one of several beside it, so that it writes to no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cxrreport.codes import Flag, PriorReason
from cxrreport.errors import InputError
from cxrreport.imaging.load import AWAY, PAGE, LoadedImage, load_filed
from cxrreport.imaging.pairing import inputs_sha256
from cxrreport.pipeline.chunks import Outcome
from cxrreport.pipeline.scope import is_child
from cxrreport.records import UPRIGHT, Due, Failure, Image, Prepared, PreparedStudy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from cxrreport.clock import Clock
    from cxrreport.engine.local import LocalEngine
    from cxrreport.imaging.register import Registration
    from cxrreport.imaging.upright import Upright


Found = dict[int, LoadedImage | InputError]  # what came of each image, by its id
Item = TypeVar("Item")
Value = TypeVar("Value")
_KEPT = 16  # images that are remembered for the studies that follow
_MOST = 4  # of one study and its prior


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads films. stopped : whoever stops the run may have stopped the children too: believe no error any more."""

    workers: LocalEngine
    upright: Upright | None
    max_pixels: int
    clock: Clock
    stopped: Callable[[], bool] = lambda: False

    def map(
        self, stage: str, function: Callable[[Item], Value], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Value | InputError]]:
        """As `LocalEngine.map`, timed, until the run is stopped."""
        for item, found in self.workers.map(function, items, self.clock, stage):
            if self.stopped():
                return
            yield item, found


def prepare(reader: Reader, due: Iterable[Due], outcome: Outcome) -> Iterator[Prepared]:
    """Read and register all images through two streams of child processes, so that they work while the network drafts.

    What cannot be drafted goes to the outcome.
    """
    for item, found in reader.map("register", _register, _read(reader, due, outcome)):
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


def _read(reader: Reader, due: Iterable[Due], outcome: Outcome) -> Iterator[Prepared]:
    """Read the images of each study in child processes; one that cannot be drafted from has failed.

    In the order of patients a prior is often the study just before: its images are not read again.
    """
    found: Found = {}
    load = partial(_load, reader.max_pixels, reader.upright)
    for (item, image), loaded in reader.map("read", load, _unread(due)):
        _keep(found, image.id, loaded, _KEPT + _MOST)
        if getattr(loaded, "code", "") == PAGE:
            outcome.pages.append(image.id)
        if image is not item.pair.frontal:  # which comes last
            continue
        try:
            yield _assemble(item, {one.id: found[one.id] for one in item.pair.images if one})
        except InputError as error:
            if error.code != PAGE:  # else nothing has failed
                outcome.made.append(Failure(error.code, error.message, study_id=item.pair.study.id))


def _unread(due: Iterable[Due]) -> Iterator[tuple[Due, Image]]:
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


def _load(max_pixels: int, upright: Upright | None, wanted: tuple[Due, Image]) -> LoadedImage:
    return load_filed(max_pixels, upright, wanted[1])


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
