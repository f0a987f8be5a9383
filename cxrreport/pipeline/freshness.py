"""Does the retrieval index hold what the database holds today?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxrreport.errors import IndexFitError
from cxrreport.imaging.pairing import draft_images
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.records import Passage, Study
from cxrreport.retrieval.build import Index, content_digest
from cxrreport.retrieval.corpus import PASSAGE_VERSION
from cxrreport.retrieval.index import Ids, Space
from cxrreport.store import catalogue, reports
from cxrreport.store.engine import session

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

_PAGE = 2_000
_FILMS = ("image", "hyperbolic")


@dataclass(slots=True)
class Freshness:
    """`stale` reports are new or changed in the database, those of `stale_films` have films that the index does not hold
    as they are."""

    stale: int = 0
    stale_films: int = 0


def compare(engine: Engine, index: Index, films: bool) -> Freshness:
    """Compare every report, and with `films` every film of a report, by digest.

    Raises
    ------
    IndexFitError : the index holds reports that the database does not have, or more that differ than are the same: it
        belongs to another database, or reports were deleted.
    """
    found = Freshness()
    spaces = [space for name, space in index.spaces.items() if name in _FILMS]
    held = current = 0
    for page in _pages(engine):
        present, same = index.text.compare(_ids(page), text_digests(page))
        current += int(same.sum())
        found.stale += int((~same).sum())
        held += int(present.sum())
        if films:
            with session(engine, read_only=True) as s:
                found.stale_films += _stale_films(spaces, with_films(s, page))
    if held < index.manifest.count or held - current > current:
        raise IndexFitError(
            "The index holds reports that this database does not have: rebuild it with `cxrreport index`.",
            "index.database",
        )
    return found


def _pages(engine: Engine) -> Iterator[list[Passage]]:
    last = 0
    while True:
        with session(engine, read_only=True) as s:
            page = reports.passages(s, last, _PAGE, texts=False)
        if not page:
            return
        last = page[-1].report_id
        yield page


def _stale_films(spaces: Sequence[Space], rows: Sequence[tuple[int, Study]]) -> int:
    if not rows:
        return 0
    ids = np.array([report_id for report_id, _ in rows], np.int64)
    digests = np.array([film_digest(study) for _, study in rows], np.int64)
    fresh = [space.compare(ids, digests)[1] for space in spaces]
    return len(rows) - int(np.logical_and.reduce(fresh).sum()) if fresh else len(rows)


def _ids(passages: Sequence[Passage]) -> Ids:
    return np.array([passage.report_id for passage in passages], np.int64)


def text_digests(passages: Sequence[Passage]) -> Ids:
    """What the text vectors of reports depend on, (n,)."""
    return np.array([content_digest(f"{PASSAGE_VERSION} {passage.text_sha256}") for passage in passages], np.int64)


def with_films(s: Session, passages: Sequence[Passage]) -> list[tuple[int, Study]]:
    """Report ids and studies of those whose study has a frontal film in the catalogue."""
    studies = catalogue.studies(s, [p.study_id for p in passages if p.study_id is not None])
    rows = [(p.report_id, studies[p.study_id]) for p in passages if p.study_id in studies]
    return [(report_id, study) for report_id, study in rows if draft_images(study)]


def film_digest(study: Study) -> int:
    """Digest of the films as the catalogue knows them, for `films_digest`."""
    return films_digest([film.pixel_sha256 or film.size for film in draft_images(study)])


def films_digest(digests: Sequence[str | int]) -> int:
    """What the film vectors of a report depend on: its frontal and lateral film, the size of a file that was never read.

    0, which is nobody's, before the frontal film was read.
    """
    return content_digest(json.dumps([PREPROCESS_VERSION, digests])) if isinstance(digests[0], str) else 0
