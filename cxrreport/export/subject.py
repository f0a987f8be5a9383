"""Studies on their way out, with their pictures: what every writer is given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from cxrreport.engine.local import LocalEngine
from cxrreport.errors import InputError
from cxrreport.export.films import Pictures, load_pictures
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.site import Site, site_of
from cxrreport.export.study import StudyView, view_studies
from cxrreport.settings import Settings
from cxrreport.store.listing import Wanted

if TYPE_CHECKING:
    from sqlalchemy import Engine

SIDE = 768  # longest side of an image that leaves the house, in pixels


@dataclass
class Subject:
    """A study with a draft.

    study_id, draft_id : rows of the archive, whatever the view calls them.
    drawn : its pictures, or what they were lost to; None where no writer has said that it draws them.
    """

    view: StudyView
    max_pixels: int
    site: Site = field(default_factory=Site)
    study_id: int = 0
    draft_id: int = 0
    drawn: Pictures | InputError | None = None

    @cached_property
    def pictures(self) -> Pictures:
        """Raises what `load_pictures` raises, or what a child process was lost to."""
        if isinstance(self.drawn, InputError):
            raise self.drawn
        return self.drawn or draw(self)

    @cached_property
    def version(self) -> str:
        """Digest of all that a writer can tell without the films."""
        return hashlib.sha256(f"{self.view.version()} {self.site}".encode()).hexdigest()

    @property
    def drawn_version(self) -> str:
        """That of a file with the films; where they are lost another one, so that the next export tries them again."""
        return f"{self.version} {self.drawn.code}" if isinstance(self.drawn, InputError) else self.version


def gather(
    settings: Settings, engine: Engine, wanted: Wanted, pseudonyms: Pseudonyms | None = None
) -> Iterator[Subject]:
    """Yield the wanted drafts as writers are given them; under pseudonyms, nothing of the site goes along."""
    if pseudonyms is None:
        yield from (_subject(settings, view, view, site_of(settings)) for view in view_studies(engine, wanted))
        return
    for view in view_studies(engine, wanted, pseudonyms.order):
        yield _subject(settings, view, pseudonyms.hide(view), Site())


def _subject(settings: Settings, held: StudyView, told: StudyView, site: Site) -> Subject:
    draft_id = held.held.draft.draft_id if held.held.draft else 0
    return Subject(told, settings.max_pixels, site, held.held.study.study_id, draft_id)


def draw(subject: Subject) -> Pictures:
    """Make the pictures of a study in the size in which they leave the house."""
    return load_pictures(subject.view, subject.max_pixels, SIDE)


def draw_ahead(
    settings: Settings,
    subjects: Iterable[Subject],
    draws: Callable[[Subject], bool],
    draw: Callable[[Subject], Pictures] = draw,
) -> Iterator[Subject]:
    """Yield studies in order; child processes make the pictures of those that `draws` names ahead of the writers.

    A film that crashes its child, hangs or is gone costs its study the pictures and nothing else. At most two studies a
    child are on their way.
    """
    with LocalEngine(settings.workers, settings.decode_timeout_s, settings.decode_memory_mb) as engine:
        for are_drawn, run in groupby(subjects, lambda one: not one.view.films.withheld and draws(one)):
            if not are_drawn:
                yield from run
                continue
            for subject, pictures in engine.map(draw, run):
                yield replace(subject, drawn=pictures)
