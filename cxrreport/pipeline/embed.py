"""The reports of the database -> vectors of their texts and of their studies' images -> a published retrieval index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cxrreport.drafting.drafter import upright_reader
from cxrreport.errors import InputError
from cxrreport.imaging.load import LoadedImage, load_held
from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.freshness import Differences, Imaged, differences, ids_of, images_digest, with_images
from cxrreport.pipeline.run import Interrupted, Run
from cxrreport.records import PreparedStudy
from cxrreport.reports.sections import clean
from cxrreport.retrieval import publish
from cxrreport.retrieval.approximate import lists_differ
from cxrreport.retrieval.build import Base, Batch, build, open_serving
from cxrreport.retrieval.corpus import clean_passage
from cxrreport.retrieval.segment import Part
from cxrreport.retrieval.versions import TEXT, IndexManifest
from cxrreport.store import catalogue, passages
from cxrreport.store.engine import batches
from cxrreport.store.retry import transact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.model.drafter import Drafter

_PAGE = 500  # reports embedded between two looks at the database


def build_index(run: Run, drafter: Drafter) -> IndexManifest:
    """Embed what the serving index does not hold and publish a new one of all reports; until then the old one serves.

    Where it holds all that the database holds, and the lists that the settings ask for, nothing is published.
    """
    home, model = run.settings.index_directory, drafter.weights.sha256
    serving = open_serving(home, model)
    found = differences(run.engine, serving)
    exact_up_to = run.settings.index_exact_up_to
    if serving is not None and not found and not lists_differ(serving.manifest.spaces, exact_up_to):
        manifest = serving.manifest
    else:
        publish.must_fit(run.settings.home, _size(found, drafter))
        manifest = build(
            home,
            Embedder(run, drafter).parts(found),
            model_sha256=model,
            source={"run": run.id},
            keep=run.settings.index_versions,
            base=Base(serving, found.gone) if serving else None,
            exact_up_to=exact_up_to,
        )
    spaces = {name: {"count": space.count, "sha256": space.sha256} for name, space in manifest.spaces.items()}
    run.details["index"] = {"version": manifest.version, "count": manifest.count, "spaces": spaces}
    run.count(Count.INDEXED, manifest.count)
    return manifest


def _size(found: Differences, drafter: Drafter) -> int:
    """Bytes that the new vectors take at least."""
    vectors = len(found.texts) + len(found.films) * (len(drafter.spaces) - 1)
    return vectors * drafter.dimension * 4


class Embedder:
    """Vectors of the reports that an index lacks, page by page."""

    def __init__(self, run: Run, drafter: Drafter) -> None:
        self._run, self._drafter = run, drafter
        self._upright = upright_reader(drafter.weights)

    def parts(self, found: Differences) -> Iterator[Batch]:
        """Vectors of the texts, then of the films.

        Raises
        ------
        Interrupted : the run was cancelled; an index of half the reports must not be published.
        """
        self._run.progress("index", 0, len(found.texts) + len(found.films))
        for ids, embed in [(found.texts, self._embed_texts), (found.films, self._embed_films)]:
            for start in range(0, len(ids), _PAGE):
                page = ids[start : start + _PAGE].tolist()
                yield from embed(page)
                if self._run.cancelled:
                    raise Interrupted
                self._run.progress("index", len(page))

    def _embed_texts(self, report_ids: Sequence[int]) -> Iterator[Batch]:
        found = transact(self._run.engine, partial(passages.passages, report_ids=report_ids), read_only=True)
        vectors = self._drafter.embed_texts([clean(clean_passage(passage.text)) for passage in found])
        self._run.count(Count.EMBEDDED, len(found))
        yield {TEXT: Part(ids_of(found), np.array([passage.digest for passage in found], np.int64), vectors)}

    def _embed_films(self, report_ids: Sequence[int]) -> Iterator[Batch]:
        """Vectors of the reports whose study has a frontal image in the catalogue, by space."""
        rows = transact(self._run.engine, partial(_imaged, report_ids=report_ids), read_only=True)
        for batch in batches(self._read(rows), self._run.settings.batch_size):
            yield self._embed_batch(batch)

    def _read(self, rows: Sequence[Imaged]) -> Iterator[_Read]:
        """Decode images in child processes; a report whose images cannot be read is left to its text."""
        images = [image for row in rows for image in row.images]
        read = self._run.workers.map(partial(load_held, self._run.settings.max_pixels, self._upright), images)
        for row in rows:
            found = [loaded for _, (_, loaded) in zip(row.images, read)]  # no more than its own from the stream
            if self._run.cancelled:
                raise Interrupted
            if (error := _missing(row, found)) is not None:
                self._run.skip(error.code)  # `generate` tells of the file
            else:
                yield _Read(row, found)

    def _embed_batch(self, batch: Sequence[_Read]) -> dict[str, Part]:
        self._run.transact(_set_digests, batch)
        prepared = [
            PreparedStudy(*(loaded.pixels for loaded in read.found if isinstance(loaded, LoadedImage)))
            for read in batch
        ]
        keys = self._drafter.keys(self._drafter.encode(prepared))
        ids, digests = ids_of([read.row for read in batch]), np.array([read.digest for read in batch], np.int64)
        self._run.count(Count.FILMS_EMBEDDED, len(batch))
        return {name: Part(ids, digests, vectors) for name, vectors in keys.items()}


def _imaged(s: Session, report_ids: Sequence[int]) -> list[Imaged]:
    return with_images(s, passages.links_of(s, report_ids))


def _set_digests(s: Session, batch: Sequence[_Read]) -> None:
    for image, loaded in (pair for read in batch for pair in zip(read.row.images, read.found, strict=True)):
        if isinstance(loaded, LoadedImage):
            catalogue.set_pixel_digest(s, image.id, loaded.pixel_sha256)


class _Read(NamedTuple):
    """A report, and what was found of each of its images; the lateral one may never have been readable."""

    row: Imaged
    found: list[LoadedImage | InputError]

    @property
    def digest(self) -> int:
        pairs = zip(self.found, self.row.images, strict=True)
        return images_digest(
            [loaded.pixel_sha256 if isinstance(loaded, LoadedImage) else image.size for loaded, image in pairs]
        )


def _missing(row: Imaged, found: Sequence[LoadedImage | InputError]) -> InputError | None:
    """What forbids to embed: no frontal image, or a lateral one that was read before and may come back."""
    for place, (image, loaded) in enumerate(zip(row.images, found, strict=True)):
        if isinstance(loaded, InputError) and (place == 0 or image.pixel_sha256):
            return loaded
    return None
