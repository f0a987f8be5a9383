"""Does the retrieval index hold what the database holds today?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cxrreport.errors import IndexFitError
from cxrreport.imaging.pairing import draft_images
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.records import Image, Passage
from cxrreport.retrieval.build import Index, content_digest
from cxrreport.retrieval.corpus import PASSAGE_VERSION
from cxrreport.retrieval.index import Ids, Space
from cxrreport.store import catalogue, reports
from cxrreport.store.retry import transact

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

_PAGE = 2_000
_SEEN = ("image", "hyperbolic")  # spaces of vectors of images


class Freshness(NamedTuple):
    """Reports that are new or changed in the database; those whose images the index does not hold as they are."""

    stale: int
    stale_films: int


def compare(engine: Engine, index: Index, images: bool) -> Freshness:
    """Compare every report, and with `images` the images of its study, by digest.

    Raises
    ------
    IndexFitError : the index holds reports that the database does not have, or more that differ than are the same: it
        belongs to another database, or reports were deleted.
    """
    spaces = [space for name, space in index.spaces.items() if name in _SEEN]
    held = current = seen = stale_images = 0
    for page in pages(engine, _PAGE, texts=False):
        present, same = index.text.compare(ids_of(page), text_digests(page))
        seen, held, current = seen + len(page), held + int(present.sum()), current + int(same.sum())
        if images:
            rows = transact(engine, partial(with_images, passages=page), read_only=True)
            stale_images += _stale_images(spaces, rows)
    if held < index.manifest.count or held - current > current:
        raise IndexFitError(
            "The index holds reports that this database does not have: rebuild it with `cxrreport index`.",
            "index.database",
        )
    return Freshness(seen - current, stale_images)


def pages(engine: Engine, size: int, texts: bool = True) -> Iterator[list[Passage]]:
    """Every report of the database that has a text, `size` at a time."""
    last = 0
    while True:
        read = partial(reports.passages, after_id=last, limit=size, texts=texts)
        page = transact(engine, read, read_only=True)
        if not page:
            return
        last = page[-1].report_id
        yield page


def _stale_images(spaces: Sequence[Space], rows: Sequence[Imaged]) -> int:
    if not rows:
        return 0
    digests = np.array([row.digest for row in rows], np.int64)
    fresh = [space.compare(ids_of(rows), digests)[1] for space in spaces]
    return len(rows) - int(np.logical_and.reduce(fresh).sum()) if fresh else len(rows)


class Imaged(NamedTuple):
    """A report whose study has a frontal image: what a draft of the study would take, the frontal one first."""

    report_id: int
    images: list[Image]

    @property
    def digest(self) -> int:
        """Digest of the images as the catalogue knows them."""
        return images_digest([image.pixel_sha256 or image.size for image in self.images])


def with_images(s: Session, passages: Sequence[Passage]) -> list[Imaged]:
    """Those of the reports whose study has a frontal image in the catalogue."""
    studies = catalogue.studies(s, [p.study_id for p in passages if p.study_id is not None])
    rows = [Imaged(p.report_id, draft_images(studies[p.study_id])) for p in passages if p.study_id in studies]
    return [row for row in rows if row.images]


def ids_of(rows: Sequence[Passage | Imaged]) -> Ids:
    """Report ids (n,)."""
    return np.array([row.report_id for row in rows], np.int64)


def text_digests(passages: Sequence[Passage]) -> Ids:
    """What the text vectors of reports depend on, (n,)."""
    return np.array([content_digest(f"{PASSAGE_VERSION} {passage.text_sha256}") for passage in passages], np.int64)


def images_digest(digests: Sequence[str | int]) -> int:
    """What the image vectors of a report depend on: the pixels of its images, the size of a file that was never read.

    0, which is nobody's, before the frontal image was read.
    """
    return content_digest(json.dumps([PREPROCESS_VERSION, digests])) if isinstance(digests[0], str) else 0
