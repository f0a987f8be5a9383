"""The reports of the database -> vectors of their texts and of their studies' images -> a published retrieval index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from cxrreport.drafting.drafter import upright_reader
from cxrreport.errors import IndexFitError, InputError
from cxrreport.imaging.load import LoadedImage, load_image
from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.freshness import Imaged, compare, ids_of, images_digest, pages, text_digests, with_images
from cxrreport.pipeline.run import Interrupted, Run
from cxrreport.records import Image, Passage, PreparedStudy
from cxrreport.reports.sections import clean
from cxrreport.retrieval.build import Batch, Index, build, open_serving, take_over
from cxrreport.retrieval.corpus import clean_passage
from cxrreport.retrieval.index import Part, Vectors
from cxrreport.retrieval.versions import IndexManifest
from cxrreport.store import catalogue
from cxrreport.store.engine import batches
from cxrreport.store.reports import count_passages
from cxrreport.store.retry import transact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.imaging.upright import Upright
    from cxrreport.model.drafter import Drafter

_PAGE = 500  # reports embedded between two looks at the database


def build_index(run: Run, drafter: Drafter) -> IndexManifest:
    """Embed what the serving index does not know and publish a new one of all reports; until then the old one serves.

    Where it holds all that the database holds, nothing is published.
    """
    home, model = run.settings.index_directory, drafter.weights.sha256
    serving = open_serving(home, model)
    manifest = serving.manifest if serving and _is_complete(run, serving) else None
    if manifest is None:
        parts, keep = Embedder(run, drafter, serving).parts(), run.settings.index_versions
        manifest = build(home, parts, model_sha256=model, source={"run": run.id}, keep=keep)
    spaces = {name: {"count": space.count, "sha256": space.sha256} for name, space in manifest.spaces.items()}
    run.details["index"] = {"version": manifest.version, "count": manifest.count, "spaces": spaces}
    run.count(Count.INDEXED, manifest.count)
    return manifest


def _is_complete(run: Run, index: Index) -> bool:
    try:
        return not any(compare(run.engine, index, images=True))
    except IndexFitError:
        return False


class Embedder:
    """Vectors of reports page by page; what is known already is taken over."""

    def __init__(self, run: Run, drafter: Drafter, serving: Index | None) -> None:
        self._run, self._drafter, self._serving = run, drafter, serving
        self._upright = upright_reader(drafter.weights)
        self._image_spaces = [name for name in drafter.spaces if name != "text"]

    def parts(self) -> Iterator[Batch]:
        """Every report of the database that has a text.

        Raises
        ------
        Interrupted : the run was cancelled; an index of half the reports must not be published.
        """
        self._run.progress("index", 0, transact(self._run.engine, count_passages, read_only=True))
        for passages in pages(self._run.engine, _PAGE):
            if self._run.cancelled:
                raise Interrupted
            yield {"text": self._embed_texts(passages), **self._embed_images(passages)}
            self._run.progress("index", len(passages))

    def _embed_texts(self, passages: Sequence[Passage]) -> Part:
        ids, digests = ids_of(passages), text_digests(passages)
        known, vectors = take_over(self._serving, "text", ids, digests)
        fresh = [clean(clean_passage(p.text)) for p, seen in zip(passages, known.tolist(), strict=True) if not seen]
        self._run.count(Count.EMBEDDED, len(fresh))
        return Part(ids, digests, _merge(known, vectors, self._drafter.embed_texts(fresh)))

    def _embed_images(self, passages: Sequence[Passage]) -> dict[str, Part]:
        """Vectors of the reports whose study has a frontal image in the catalogue, by space."""
        rows = transact(self._run.engine, partial(with_images, passages=passages), read_only=True)
        ids, digests = ids_of(rows), np.array([row.digest for row in rows], np.int64)
        taken = {name: take_over(self._serving, name, ids, digests) for name in self._image_spaces}
        known = np.logical_and.reduce([mask for mask, _ in taken.values()])
        parts = {name: [Part(ids[known], digests[known], v[known[mask]])] for name, (mask, v) in taken.items()}
        fresh = [row for row, seen in zip(rows, known.tolist(), strict=True) if not seen]
        for batch in batches(self._read(fresh), self._run.settings.batch_size):
            for name, part in self._embed_batch(batch).items():
                parts[name].append(part)
        return {name: _join(found) for name, found in parts.items() if any(len(part.ids) for part in found)}

    def _read(self, rows: Sequence[Imaged]) -> Iterator[_Read]:
        """Decode images in child processes; a report whose images cannot be read is left to its text."""
        images = [image for row in rows for image in row.images]
        read = self._run.workers.map(partial(_load, self._run.settings.max_pixels, self._upright), images)
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


def _set_digests(s: Session, batch: Sequence[_Read]) -> None:
    for image, loaded in (pair for read in batch for pair in zip(read.row.images, read.found, strict=True)):
        if isinstance(loaded, LoadedImage):
            catalogue.set_pixel_digest(s, image.id, loaded.pixel_sha256)


def _load(max_pixels: int, upright: Upright | None, image: Image) -> LoadedImage:
    return load_image(image.path, max_pixels, upright if image.view and image.view.is_frontal else None)


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


def _merge(known: npt.NDArray[np.bool_], old: Vectors, new: Vectors) -> Vectors:
    """Rows taken over and rows made now, in their places."""
    if not known.any():
        return new
    vectors = np.zeros((len(known), old.shape[1]), np.float32)
    vectors[known], vectors[~known] = old, new
    return vectors


def _join(parts: Sequence[Part]) -> Part:
    filled = [part for part in parts if len(part.ids)]
    columns = zip(*((part.ids, part.digests, part.vectors) for part in filled), strict=True)
    return Part(*(np.concatenate(column) for column in columns))
