"""The reports of the database -> vectors of their texts and of their studies' films -> a published retrieval index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport.errors import IndexFitError, InputError
from cxrreport.imaging.load import LoadedImage, load_image
from cxrreport.imaging.pairing import draft_images
from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.freshness import compare, film_digest, films_digest, text_digests, with_films
from cxrreport.pipeline.run import Interrupted, Run
from cxrreport.records import Passage, PreparedStudy, Study
from cxrreport.reports.sections import clean
from cxrreport.retrieval.build import Batch, Index, Known, build, open_serving
from cxrreport.retrieval.corpus import clean_passage
from cxrreport.retrieval.index import Part, Vectors
from cxrreport.retrieval.versions import IndexManifest
from cxrreport.store import catalogue, reports
from cxrreport.store.engine import session

if TYPE_CHECKING:
    from cxrreport.model.drafter import Drafter

_PAGE = 500  # reports embedded between two looks at the database


def summary(text: str) -> str:
    """What the text tower embeds of a report."""
    return clean(clean_passage(text))


def build_index(run: Run, drafter: Drafter) -> IndexManifest:
    """Embed what the serving index does not know and publish a new one of all reports; until then the old one serves.

    Where it holds all that the database holds, nothing is published.
    """
    home, model = run.settings.index_directory, drafter.weights.sha256
    serving = open_serving(home, model)
    manifest = serving.manifest if serving and _is_complete(run, serving) else None
    if manifest is None:
        batches = Embedder(run, drafter, Known(serving)).batches()
        keep = run.settings.index_versions
        manifest = build(home, batches, model_sha256=model, source={"run": run.id}, keep=keep)
    spaces = {name: {"count": space.count, "sha256": space.sha256} for name, space in manifest.spaces.items()}
    run.details["index"] = {"version": manifest.version, "count": manifest.count, "spaces": spaces}
    run.count(Count.INDEXED, manifest.count)
    return manifest


def _is_complete(run: Run, index: Index) -> bool:
    try:
        found = compare(run.engine, index, films=True)
    except IndexFitError:
        return False
    return not (found.stale or found.stale_films)


class Embedder:
    """Vectors of reports page by page; what is known already is taken over."""

    def __init__(self, run: Run, drafter: Drafter, known: Known) -> None:
        self._run, self._drafter, self._known = run, drafter, known
        self._film_spaces = [name for name in drafter.spaces if name != "text"]

    def batches(self) -> Iterator[Batch]:
        """Every report of the database that has a text.

        Raises
        ------
        Interrupted : the run was cancelled; an index of half the reports must not be published.
        """
        last = 0
        while passages := self._page(last):
            if self._run.cancelled:
                raise Interrupted
            last = passages[-1].report_id
            yield {"text": self._embed_texts(passages), **self._embed_films(passages)}
            self._run.progress("index", len(passages))

    def _page(self, after_id: int) -> list[Passage]:
        with session(self._run.engine, read_only=True) as s:
            return reports.passages(s, after_id, _PAGE)

    def _embed_texts(self, passages: Sequence[Passage]) -> Part:
        texts = [summary(passage.text) for passage in passages]
        ids = np.array([passage.report_id for passage in passages], np.int64)
        digests = text_digests(passages)
        known, vectors = self._known.take("text", ids, digests)
        fresh = [text for text, seen in zip(texts, known.tolist(), strict=True) if not seen]
        self._run.count(Count.EMBEDDED, len(fresh))
        return Part(ids, digests, _merge(known, vectors, self._drafter.embed_texts(fresh)))

    def _embed_films(self, passages: Sequence[Passage]) -> dict[str, Part]:
        """Vectors of the reports whose study has a frontal film in the catalogue, by space."""
        with session(self._run.engine, read_only=True) as s:
            rows = with_films(s, passages)
        ids = np.array([report_id for report_id, _ in rows], np.int64)
        digests = np.array([film_digest(study) for _, study in rows], np.int64)
        taken = {name: self._known.take(name, ids, digests) for name in self._film_spaces}
        known = np.logical_and.reduce([mask for mask, _ in taken.values()])
        parts = {name: [Part(ids[known], digests[known], v[known[mask]])] for name, (mask, v) in taken.items()}
        fresh = [row for row, seen in zip(rows, known.tolist(), strict=True) if not seen]
        for batch in self._read(fresh):
            for name, part in self._embed_batch(batch).items():
                parts[name].append(part)
        return {name: _join(found) for name, found in parts.items() if any(len(part.ids) for part in found)}

    def _read(self, rows: Sequence[tuple[int, Study]]) -> Iterator[list[_Read]]:
        """Decode films in child processes, batch by batch; a report whose films cannot be read is left to its text."""
        paths = [image.path for _, study in rows for image in draft_images(study)]
        films = self._run.workers.map(partial(load_image, max_pixels=self._run.settings.max_pixels), paths)
        batch: list[_Read] = []
        for report_id, study in rows:
            read = [film for _, (_, film) in zip(draft_images(study), films)]  # no more than its own from the stream
            if self._run.cancelled:
                raise Interrupted
            if (error := _missing(study, read)) is not None:
                self._run.skip(error.code)  # `generate` tells of the file
                continue
            batch.append(_Read(report_id, study, [film if isinstance(film, LoadedImage) else None for film in read]))
            if len(batch) == self._run.settings.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _embed_batch(self, batch: Sequence[_Read]) -> dict[str, Part]:
        with session(self._run.engine) as s:
            for image, film in (
                pair for read in batch for pair in zip(draft_images(read.study), read.films, strict=True)
            ):
                if film is not None:
                    catalogue.set_pixel_digest(s, image.id, film.pixel_sha256)
        prepared = [PreparedStudy(*(film.pixels for film in read.films if film)) for read in batch]
        keys = self._drafter.keys(self._drafter.encode(prepared))
        ids = np.array([read.report_id for read in batch], np.int64)
        digests = np.array([read.digest for read in batch], np.int64)
        self._run.count(Count.FILMS_EMBEDDED, len(batch))
        return {name: Part(ids, digests, vectors) for name, vectors in keys.items()}


@dataclass(frozen=True, slots=True)
class _Read:
    """A report, its study, and the films of the study: frontal, lateral if it has one; None where it never could be read."""

    report_id: int
    study: Study
    films: list[LoadedImage | None]

    @property
    def digest(self) -> int:
        pairs = zip(self.films, draft_images(self.study), strict=True)
        return films_digest([film.pixel_sha256 if film else image.size for film, image in pairs])


def _missing(study: Study, read: Sequence[LoadedImage | InputError]) -> InputError | None:
    """What forbids to embed: no frontal film, or a lateral one that was read before and may come back."""
    images = draft_images(study)
    wanted = [
        error for i, error in enumerate(read) if isinstance(error, InputError) and (i == 0 or images[i].pixel_sha256)
    ]
    return wanted[0] if wanted else None


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
