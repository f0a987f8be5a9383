"""Studies that a table lists: each is read when it is taken, whatever is wrong with one of them costs that one alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.disk import read_film
from cxrreport.datasets.sample import Sample, make_sample, stack_views
from cxrreport.errors import InputError, PixelError, UsageError
from cxrreport.findings import State
from cxrreport.records import View
from cxrreport.reports.language import is_english_report

Pixels = npt.NDArray[np.uint8]
_ENDINGS = (".png", ".jpg", ".jpeg", ".dcm")


class ListedImage(NamedTuple):
    """An image that a table lists: its path below the folders of images, without the ending; its view, and its area in
    pixels where that is told.
    """

    name: str
    view: View
    area: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A study that nobody has read yet; it can go to a child process.

    row : number of its first row, from 1; key : of its sample; read : gives the sample, or raises an InputError whose code
    says why there is none; lateral : whether it lists a lateral image.
    """

    row: int
    key: str
    read: Callable[[], Sample]
    lateral: bool


class Said(NamedTuple):
    """What a report says, section by section, and its labels where they come with the data."""

    findings: str
    impression: str
    indication: str = ""
    labels: Mapping[str, State] | None = None


def read_study(key: str, patient: str, folders: Sequence[Path], films: Sequence[ListedImage], said: Said) -> Sample:
    """A sample of the best frontal image and, if one can be read, the best lateral one.

    Raises
    ------
    InputError : `report.empty`, `report.language`, `study.no_frontal`, `film.unreadable`.
    """
    frontal, lateral = (_best(films, frontal) for frontal in (True, False))
    if frontal is None:
        raise InputError("The study lists no frontal image.", "study.no_frontal")
    if is_english_report(said.findings, said.impression) is False:
        raise InputError("The report of the study is in another language.", "report.language")
    sample = make_sample(key, patient, [None, None], said.findings, said.impression, said.labels, said.indication)
    if not sample.target:
        raise InputError("The report of the study has no findings.", "report.empty")
    views = [_read(folders, film) if film else None for film in (frontal, lateral)]
    if views[0] is None:
        raise InputError("The frontal image of the study cannot be read.", "film.unreadable")
    pixels, present = stack_views(views)
    return replace(sample, pixels=pixels, present=present)


def has_lateral(films: Sequence[ListedImage]) -> bool:
    """Whether one of the images is lateral."""
    return _best(films, frontal=False) is not None


def _best(films: Sequence[ListedImage], frontal: bool) -> ListedImage | None:
    """The largest image, of equals the first by name, as drafts choose theirs."""
    fitting = [film for film in films if (film.view.is_frontal if frontal else film.view is View.LATERAL)]
    return min(fitting, key=lambda film: (-film.area, film.name), default=None)


def _read(folders: Sequence[Path], film: ListedImage) -> Pixels | None:
    """The image in the first folder that has it; None where none has or it is damaged."""
    places = (folder / f"{film.name}{ending}" for folder in folders for ending in _ENDINGS)
    try:
        return next((read_film(place) for place in places if place.is_file()), None)
    except (UsageError, PixelError, OSError):
        return None
