"""Images with labels but without a report: encoder and network learn findings from them, as far as their labels tell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.disk import read_row_film, read_table
from cxrreport.datasets.sample import stack_views
from cxrreport.findings import FINDINGS, implied_by
from cxrreport.records import View

LABELS = "labels.csv"
_NO_FINDING = "no finding"
# What the labels of ChestX-ray14 say in our words. Emphysema and Hernia have none: they only make an image abnormal.
_NIH_FINDINGS = {
    "Cardiomegaly": "cardiomegaly",
    "Edema": "edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Effusion": "pleural effusion",
    "Mass": "lung lesion",
    "Nodule": "lung lesion",
    "Infiltration": "lung opacity",
    "Pleural_Thickening": "pleural other",
    "No Finding": _NO_FINDING,
}
_NIH_NEVER_LABELLED = {"enlarged cardiomediastinum", "fracture", "support devices"}
_NIH_IMPLIED = {"Fibrosis": "lung opacity"}  # our labeler reads one as the other
_NIH_COLUMNS = {"id", "patient", "labels"}
_HELD_OUT = 5  # one patient in so many, and one more to calibrate on
_VIEWS = {"AP": View.AP, "PA": View.PA}
_AGE = re.compile(r"\d{1,3}", re.ASCII)  # in years


@dataclass(frozen=True, slots=True)
class Film:
    """What is told of one frontal film, before its pixels are read: as of a `LabelledImage`; path of the image.

    row : of the table that names it, from 1. sex : "F" or "M", "" where it is not told. age : years, None where it is not told.
    """

    key: str
    patient: str
    path: Path
    positive: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    view: View
    sex: str
    age: int | None
    row: int


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One frontal image to learn findings from.

    pixels (2, 256, 256) uint8, the lateral blank; present (2,) bool; positive (14,) bool; known (14,) bool: what the
    labels tell, elsewhere `positive` means nothing; view: of the projection, where it is told.
    """

    key: str
    patient: str
    pixels: npt.NDArray[np.uint8]
    present: npt.NDArray[np.bool_]
    positive: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    view: View = View.FRONTAL


def read_nih(directory: Path, split: str) -> Iterator[LabelledImage]:
    """Read a split ("train", "val" or "held out") of NIH ChestX-ray14 image by image: `labels.csv` and `images/`.

    Raises
    ------
    UsageError : when it is no such directory, or an image of it cannot be read.
    """
    return map(open_film, read_nih_films(directory, split))


def read_nih_films(directory: Path, split: str) -> Iterator[Film]:
    """What `labels.csv` tells of the films of a split; raises as `read_nih`, but opens no image."""
    table = read_table(directory / LABELS, _NIH_COLUMNS, "The directory of films", "films")
    for number, row in enumerate(table, start=1):
        if row["labels"] and split_of(row["patient"]) == split:
            yield _nih_film(directory / "images", number, row)


def open_film(film: Film) -> LabelledImage:
    """A film with its pixels.

    Raises
    ------
    UsageError : the image cannot be read.
    """
    pixels, present = stack_views([read_row_film(film.path, LABELS, film.row), None])
    return LabelledImage(film.key, film.patient, pixels, present, film.positive, film.known, film.view)


def split_of(patient: str) -> str:
    """Split of a patient: sha256 of the number, first 8 digits, modulo five; 0 is "held out", 1 "val", to calibrate on."""
    part = int(hashlib.sha256(patient.encode()).hexdigest()[:8], 16) % _HELD_OUT
    return {0: "held out", 1: "val"}.get(part, "train")


def nih_findings(labels: Set[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Labels of ChestX-ray14 -> positive (14,) and known (14,) bool.

    A finding that is not labelled is absent, but where a labelled one implies it (pneumonia is consolidation) it is
    unknown: the labels are silent, and so is our labeler of reports, which reads what is said and not what follows.
    """
    positive = {_NIH_FINDINGS[label] for label in labels if label in _NIH_FINDINGS}
    implied = implied_by(positive)
    implied |= {_NIH_IMPLIED[label] for label in labels if label in _NIH_IMPLIED}
    unknown = _NIH_NEVER_LABELLED | (implied - positive)
    return np.array([f in positive for f in FINDINGS]), np.array([f not in unknown for f in FINDINGS])


def nih_view(word: str) -> View:
    """The view of a cell of a table of NIH."""
    return _VIEWS.get(word, View.FRONTAL)


def _nih_film(images: Path, number: int, row: dict[str, str]) -> Film:
    positive, known = nih_findings(set(row["labels"].split("|")))
    age = row.get("age", "")
    return Film(
        f"nih-{row['id']}", f"nih-{row['patient']}", images / f"{row['id']}.jpg", positive, known,
        nih_view(row.get("view", "")), row.get("sex", ""),
        int(age) if _AGE.fullmatch(age) else None, number,
    )  # fmt: skip


IMAGE_READERS: dict[str, Callable[[Path, str], Iterable[LabelledImage]]] = {"nih": read_nih}
FILM_READERS: dict[str, Callable[[Path, str], Iterable[Film]]] = {"nih": read_nih_films}
