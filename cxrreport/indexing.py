"""The reports of the database -> vectors of their texts and of their studies' films -> a published retrieval index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport.engine.local import LocalEngine
from cxrreport.imaging.film import Film, load_film
from cxrreport.imaging.pairing import choose_frontal, choose_lateral
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.records import Image, Passage, PreparedStudy, Study
from cxrreport.reports.sections import clean
from cxrreport.retrieval.build import Batch, Known, build, content_digest, open_known
from cxrreport.retrieval.corpus import clean_passage
from cxrreport.retrieval.index import Part, Vectors
from cxrreport.retrieval.versions import IndexManifest
from cxrreport.run import Interrupted, Run
from cxrreport.store import catalogue, reports
from cxrreport.store.engine import session

if TYPE_CHECKING:
    from cxrreport.drafting import Progress
    from cxrreport.model.drafter import Drafter

_PAGE = 500  # reports embedded between two looks at the database


def summary(text: str) -> str:
    """What the text tower embeds of a report."""
    return clean(clean_passage(text))


def build_index(run: Run, drafter: Drafter, workers: LocalEngine, progress: Progress) -> IndexManifest:
    """Embed what the serving index does not know and publish a new one of all reports; until then the old one serves."""
    home, model = run.settings.index_directory, drafter.weights.sha256
    embedder = Embedder(run, drafter, open_known(home, model), workers)
    manifest = build(home, embedder.batches(progress), model_sha256=model, source={"run": run.id})
    spaces = {name: {"count": space.count, "sha256": space.sha256} for name, space in manifest.spaces.items()}
    run.details["index"] = {"version": manifest.version, "count": manifest.count, "spaces": spaces}
    run.counts.numbers["indexed"] = manifest.count
    return manifest


class Embedder:
    """Vectors of reports page by page; what is known already is taken over."""

    def __init__(self, run: Run, drafter: Drafter, known: Known, workers: LocalEngine) -> None:
        self._run, self._drafter, self._known, self._workers = run, drafter, known, workers
        self._film_spaces = [name for name in drafter.spaces if name != "text"]

    def batches(self, progress: Progress) -> Iterator[Batch]:
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
            progress("index", len(passages))

    def _page(self, after_id: int) -> list[Passage]:
        with session(self._run.engine, read_only=True) as s:
            return reports.passages(s, after_id, _PAGE)

    def _embed_texts(self, passages: Sequence[Passage]) -> Part:
        texts = [summary(passage.text) for passage in passages]
        ids = np.array([passage.report_id for passage in passages], np.int64)
        digests = np.array([content_digest(text) for text in texts], np.int64)
        known, vectors = self._known.take("text", ids, digests)
        fresh = [text for text, seen in zip(texts, known.tolist(), strict=True) if not seen]
        self._run.counts.numbers["embedded"] += len(fresh)
        return Part(ids, digests, _merge(known, vectors, self._drafter.embed_texts(fresh)))

    def _embed_films(self, passages: Sequence[Passage]) -> dict[str, Part]:
        """Vectors of the reports whose study has a frontal film in the catalogue, by space."""
        rows = self._with_films(passages)
        ids = np.array([report_id for report_id, _ in rows], np.int64)
        digests = np.array([_digest(study) for _, study in rows], np.int64)
        taken = {name: self._known.take(name, ids, digests) for name in self._film_spaces}
        known = np.logical_and.reduce([mask for mask, _ in taken.values()])
        parts = {name: [Part(ids[known], digests[known], v[known[mask]])] for name, (mask, v) in taken.items()}
        fresh = [row for row, seen in zip(rows, known.tolist(), strict=True) if not seen]
        for batch in self._read(fresh):
            for name, part in self._embed_batch(batch).items():
                parts[name].append(part)
        return {name: _join(found) for name, found in parts.items() if any(len(part.ids) for part in found)}

    def _with_films(self, passages: Sequence[Passage]) -> list[tuple[int, Study]]:
        with session(self._run.engine, read_only=True) as s:
            studies = catalogue.studies(s, [p.study_id for p in passages if p.study_id is not None])
        rows = [(p.report_id, studies[p.study_id]) for p in passages if p.study_id in studies]
        return [(report_id, study) for report_id, study in rows if choose_frontal(study.images)]

    def _read(self, rows: Sequence[tuple[int, Study]]) -> Iterator[list[_Read]]:
        """Decode films in child processes, batch by batch; a report whose frontal film cannot be read is left to its text."""
        items = [image for _, study in rows for image in _films_of(study)]
        films = self._workers.map(partial(_load, self._run.settings.max_pixels), items)
        batch: list[_Read] = []
        for report_id, study in rows:
            read = {
                image.id: film for image, (_, film) in zip(_films_of(study), films)
            }  # takes just its own from the stream
            if self._run.cancelled:
                raise Interrupted
            good = {image_id: film for image_id, film in read.items() if isinstance(film, Film)}
            if _films_of(study)[0].id not in good:
                self._run.counts.skipped["film.unreadable"] += 1
                continue
            batch.append(_Read(report_id, study, good))
            if len(batch) == self._run.settings.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _embed_batch(self, batch: Sequence[_Read]) -> dict[str, Part]:
        with session(self._run.engine) as s:
            for image_id, film in (item for read in batch for item in read.films.items()):
                catalogue.set_pixel_digest(s, image_id, film.pixel_sha256)
        keys = self._drafter.keys(self._drafter.encode([read.prepared for read in batch]))
        ids = np.array([read.report_id for read in batch], np.int64)
        digests = np.array([read.digest for read in batch], np.int64)
        self._run.counts.numbers["films_embedded"] += len(batch)
        return {name: Part(ids, digests, vectors) for name, vectors in keys.items()}


@dataclass(frozen=True, slots=True)
class _Read:
    """A report, its study, and those of the study's films that can be read, by image id."""

    report_id: int
    study: Study
    films: Mapping[int, Film]

    @property
    def prepared(self) -> PreparedStudy:
        frontal, *lateral = (self.films[image.id].pixels for image in _films_of(self.study) if image.id in self.films)
        return PreparedStudy(frontal, lateral[0] if lateral else None)

    @property
    def digest(self) -> int:
        return _digest_of({image_id: film.pixel_sha256 for image_id, film in self.films.items()})


def _films_of(study: Study) -> list[Image]:
    """Frontal and lateral film, as a draft would take them."""
    return [film for film in (choose_frontal(study.images), choose_lateral(study.images)) if film is not None]


def _load(max_pixels: int, image: Image) -> Film:
    return load_film(image.path, max_pixels)


def _digest(study: Study) -> int:
    """Digest of the films as the catalogue knows them; 0, which is nobody's, where one was never read."""
    known = {film.id: film.pixel_sha256 for film in _films_of(study)}
    return _digest_of({key: sha for key, sha in known.items() if sha}) if all(known.values()) else 0


def _digest_of(films: Mapping[int, str]) -> int:
    return content_digest(json.dumps([PREPROCESS_VERSION, sorted(films.values())]))


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
