"""Does the retrieval index hold what the database holds today?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cxrreport.errors import IndexFitError
from cxrreport.imaging.pairing import draft_images
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.records import Image, Passage
from cxrreport.retrieval.build import Index, content_digest
from cxrreport.retrieval.index import Space
from cxrreport.retrieval.segment import Flags, Ids
from cxrreport.retrieval.versions import TEXT
from cxrreport.store import catalogue, passages
from cxrreport.store.retry import transact

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

_PAGE = 2_000
_SEEN = ("image", "hyperbolic")  # spaces of vectors of images
_NONE = np.zeros(0, np.int64)


class Differences(NamedTuple):
    """Ids of reports that the index does not hold as they are (`texts`; `films`: the images of their studies).

    gone : ids that it must not hold as it does, by space: reports that have changed, or are lost to the database.
    """

    texts: Ids
    films: Ids
    gone: dict[str, Ids]

    def __bool__(self) -> bool:
        return any(len(ids) for ids in (self.texts, self.films, *self.gone.values()))


def compare(engine: Engine, index: Index, images: bool) -> Differences:
    """Compare every report, and with `images` the images of its study, by digest.

    Raises
    ------
    IndexFitError : the index holds reports that the database does not have, or more that differ than are the same: it
        belongs to another database, or reports were deleted.
    """
    texts, lost = _compare_texts(engine, index)
    changed = len(texts.gone[TEXT]) - lost
    if lost or 2 * changed > index.manifest.count:
        raise IndexFitError(
            "The index holds reports that this database does not have: rebuild it with `cxrreport index`.",
            "index.database",
        )
    return _with_films(engine, texts, index) if images else texts


def differences(engine: Engine, index: Index | None) -> Differences:
    """What an index of the database has to take in and to leave out, beside one that may belong to another database."""
    return _with_films(engine, _compare_texts(engine, index)[0], index)


def _compare_texts(engine: Engine, index: Index | None) -> tuple[Differences, int]:
    """Compare texts; tells also how many of those that are gone are lost to the database.

    Only blocks of ids whose sums differ are looked at report by report.
    """
    there = transact(engine, passages.text_blocks, read_only=True)
    held = _Held(index.text.ids, index.text.digests) if index else _Held(_NONE, _NONE)
    blocks = sorted(set(there) ^ set(held.blocks()))
    names = sorted({block for block, _, _ in blocks})
    now = transact(engine, lambda s: _Held.of(passages.text_digests(s, names)), read_only=True)
    part = held.within(names)
    gone = part.lacking(now)
    return Differences(now.lacking(part), _NONE, {TEXT: gone}), int((~np.isin(gone, now.ids)).sum())


def _with_films(engine: Engine, texts: Differences, index: Index | None) -> Differences:
    """Compare the images of every report that has a study in the catalogue."""
    now = _Held.of((row.report_id, row.digest) for row in _all_imaged(engine))
    spaces = [index.spaces[name] for name in _SEEN if name in index.spaces] if index else []
    gone = {space.name: _held_by(space).lacking(now) for space in spaces}
    fresh = [now.lacking(_held_by(space)) for space in spaces] or [now.ids]
    return texts._replace(films=np.unique(np.concatenate(fresh)), gone={**texts.gone, **gone})


def _held_by(space: Space) -> _Held:
    return _Held(space.ids, space.digests)


class _Held(NamedTuple):
    """Ids of reports (n,), in order, and digests of what is embedded of them (n,)."""

    ids: Ids
    digests: Ids

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int]]) -> _Held:
        """Pairs of both, each id once."""
        table = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 2)
        table = table[np.argsort(table[:, 0])]
        return cls(table[:, 0], table[:, 1])

    def lacking(self, other: _Held) -> Ids:
        """Ids of those that the other has not, or otherwise."""
        if not len(other.ids):
            return self.ids
        places = np.searchsorted(other.ids, self.ids).clip(max=len(other.ids) - 1)
        differs: Flags = (other.ids[places] != self.ids) | (other.digests[places] != self.digests)
        return self.ids[differs]

    def within(self, blocks: Sequence[int]) -> _Held:
        """Those of some blocks."""
        inside = np.isin(self.ids // passages.BLOCK, blocks)
        return _Held(self.ids[inside], self.digests[inside])

    def blocks(self) -> list[tuple[int, int, int]]:
        """Number, count and weighed sum of every block, as `passages.text_blocks` gives them."""
        names, starts, counts = np.unique(self.ids // passages.BLOCK, return_index=True, return_counts=True)
        weighed = self.digests * (self.ids % passages.BLOCK + 1)
        sums = np.add.reduceat(weighed, starts) if len(starts) else _NONE
        return list(zip(names.tolist(), counts.tolist(), sums.tolist(), strict=True))


class Imaged(NamedTuple):
    """A report whose study has a frontal image: what a draft of the study would take, the frontal one first."""

    report_id: int
    images: list[Image]

    @property
    def digest(self) -> int:
        """Digest of the images as the catalogue knows them."""
        return images_digest([image.pixel_sha256 or image.size for image in self.images])


def _all_imaged(engine: Engine) -> Iterator[Imaged]:
    last = 0
    while True:
        read = partial(_page, after_id=last)
        page, rows = transact(engine, read, read_only=True)
        if not page:
            return
        last = page[-1][0]
        yield from rows


def _page(s: Session, after_id: int) -> tuple[list[tuple[int, int]], list[Imaged]]:
    page = passages.linked(s, after_id, _PAGE)
    return page, with_images(s, page)


def with_images(s: Session, links: Sequence[tuple[int, int]]) -> list[Imaged]:
    """Those of the reports, told with their studies, whose study has a frontal image in the catalogue."""
    studies = catalogue.studies(s, [study_id for _, study_id in links])
    rows = [Imaged(report_id, draft_images(studies[study_id])) for report_id, study_id in links if study_id in studies]
    return [row for row in rows if row.images]


def ids_of(rows: Sequence[Passage | Imaged]) -> Ids:
    """Report ids (n,)."""
    return np.array([row.report_id for row in rows], np.int64)


def images_digest(digests: Sequence[str | int]) -> int:
    """What the image vectors of a report depend on: the pixels of its images, the size of a file that was never read.

    0, which is nobody's, before the frontal image was read.
    """
    return content_digest(json.dumps([PREPROCESS_VERSION, digests])) if isinstance(digests[0], str) else 0
