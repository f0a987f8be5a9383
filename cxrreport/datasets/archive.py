"""The hospital's own studies as a dataset: images of the catalogue with the reports that were signed of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.directory import DirectoryReader
from cxrreport.datasets.sample import Reader, Sample, make_sample
from cxrreport.engine.local import LocalEngine
from cxrreport.imaging.load import LoadedImage, load_image
from cxrreport.imaging.pairing import draft_images
from cxrreport.reports.labels import signed_states
from cxrreport.reports.language import is_english_report
from cxrreport.reports.sections import split
from cxrreport.settings import Settings
from cxrreport.store.catalogue import count_without_view
from cxrreport.store.engine import open_archive, session
from cxrreport.store.training import SignedStudy, signed_studies, split_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

ARCHIVE = "archive"
_PAGE = 64  # studies whose images are read together


class ArchiveReader:
    """Reads studies with a frontal image in use and a final or corrected report with findings, or what a reader wrote.

    Keys and patients of the samples are numbers of database rows. A study whose frontal image cannot be read, or whose
    report is not in English, has an addendum or leaves nothing to say, is left out and counted in `skipped`, as are
    images whose view no run has looked at yet.
    The archive is open, without a lock, while it reads.
    """

    name = ARCHIVE
    least = 32

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.skipped: Counter[str] = Counter()

    def __call__(self, split: str, limit: int | None = None, only: Collection[str] | None = None) -> list[Sample]:
        """See `Reader`; images are read in child processes, 131 kB a study."""
        s = self._settings
        with (
            open_archive(s, read_only=True) as engine,
            LocalEngine(s.workers, s.decode_timeout_s, s.decode_memory_mb) as workers,
        ):
            wanted = (
                study
                for study in _walk(engine)
                if split_of(study.bucket) == split and (only is None or str(study.study.id) in only)
            )
            with session(engine, read_only=True) as current:
                self.skipped["film.view_unknown"] = count_without_view(current)
            return list(islice(self._samples(self._to_learn(wanted), workers), limit))

    def _to_learn(self, studies: Iterable[SignedStudy]) -> Iterator[SignedStudy]:
        for signed in map(_cut, studies):
            if is_english_report(signed.findings, signed.impression) is False:
                self.skipped["report.language"] += 1
            elif signed.amended:
                self.skipped["report.amended"] += 1
            else:
                yield signed

    def _samples(self, studies: Iterator[SignedStudy], workers: LocalEngine) -> Iterator[Sample]:
        while page := list(islice(studies, _PAGE)):
            paths = [image.path for signed in page for image in draft_images(signed.study)]
            read = workers.map(partial(load_image, max_pixels=self._settings.max_pixels), paths)
            for signed in page:
                loaded = [next(read)[1] for _ in draft_images(signed.study)]
                pixels = [one.pixels if isinstance(one, LoadedImage) else None for one in loaded]
                if sample := self._sample(signed, [*pixels, None, None][:2]):
                    yield sample

    def _sample(self, signed: SignedStudy, views: Sequence[npt.NDArray[np.uint8] | None]) -> Sample | None:
        if views[0] is None:
            self.skipped["film.unreadable"] += 1
            return None
        key, patient = str(signed.study.id), str(signed.study.patient_id)
        states = signed_states(signed.written or f"{signed.findings}\n\n{signed.impression}", signed.labels)
        said = (signed.findings, signed.impression, states, signed.indication)
        sample = make_sample(key, patient, views, *said)
        if not sample.target:
            self.skipped["report.empty"] += 1
            return None
        if views[1] is None and len(draft_images(signed.study)) > 1:
            self.skipped["film.lateral"] += 1
        return sample


def _cut(signed: SignedStudy) -> SignedStudy:
    """What a reader wrote, in sections."""
    if not signed.written:
        return signed
    cut = split(signed.written)
    return replace(signed, findings=cut.findings, impression=cut.impression, amended=bool(cut.addendum))


def open_dataset(dataset: tuple[str, Path] | None, settings: Settings) -> Reader:
    """A reader of the named dataset and its directory; of the archive of the settings where there is none."""
    engine = LocalEngine(settings.workers, settings.decode_timeout_s, settings.decode_memory_mb)
    return DirectoryReader(*dataset, engine) if dataset else ArchiveReader(settings)


def _walk(engine: Engine) -> Iterator[SignedStudy]:
    """All usable studies, page by page; no transaction stays open while images are read."""
    last = 0
    while True:
        with session(engine, read_only=True) as s:
            page = signed_studies(s, last)
        if not page:
            return
        last = page[-1].study.id
        yield from page
