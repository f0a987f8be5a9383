"""DICOM objects of a draft, made and read back."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from cxrreport.export.films import Pictures
from cxrreport.export.sr import make
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject

NAMES = ("findings", "text", "picture")
VALID: dict[str, list[str]] = {name: [] for name in NAMES}
Objects = dict[str, Dataset]


def subject_of(view: StudyView) -> Subject:
    """The view with pictures of its own, so that nothing is registered."""
    subject = Subject(view, 10**8)
    grey = np.tile(np.arange(136, dtype=np.uint8), (160, 1))
    prior = grey if view.films.prior else None
    subject.pictures = Pictures(grey, prior, None, view.held.draft.regions, (1.0, 1.0))
    return subject


def write(view: StudyView, folder: Path) -> dict[str, Path]:
    found = {}
    for item in make(subject_of(view)):
        place = folder / Path(item.name).name
        place.write_bytes(item.content)
        found[place.stem] = place
    return found


def read(view: StudyView) -> Objects:
    return {Path(item.name).stem: dcmread(BytesIO(item.content)) for item in make(subject_of(view))}


def tree(item: Dataset) -> Iterator[Dataset]:
    yield item
    for child in item.get("ContentSequence", []):
        yield from tree(child)


def codes_of(item: Dataset) -> tuple[str, str]:
    named = item.ConceptNameCodeSequence[0]
    return named.CodingSchemeDesignator, named.CodeValue
