"""Training samples: films in memory, target text, states, and who belongs to which split."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from cxrreport.demo.samples import sample_studies
from cxrreport.errors import UsageError
from cxrreport.imaging.preprocess import SIDE, preprocess
from cxrreport.records import FINDINGS, State
from cxrreport.reports.labels import label
from cxrreport.reports.sections import clean, cut
from cxrreport.reports.telling import tellable

_STATE_INDEX = {state: index for index, state in enumerate(State)}
_COLUMNS = {"uid", "split", "images", "findings", "impression"}
_SPLITS = {"train", "val", "test"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One study to learn from.

    films (2, 256, 256) uint8, frontal and lateral; present (2,) bool; report: the reference as signed;
    target: what the decoder is to say; summary: what the text tower embeds; states (14,) indices into `State`.
    """

    key: str
    patient: str
    films: npt.NDArray[np.uint8]
    present: npt.NDArray[np.bool_]
    report: str
    target: str
    summary: str
    states: npt.NDArray[np.int64]

    @property
    def positive(self) -> npt.NDArray[np.bool_]:
        """(14,) bool: what the report asserts."""
        positive: npt.NDArray[np.bool_] = self.states == _STATE_INDEX[State.POSITIVE]
        return positive

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(14,) bool: all, for what a report leaves out is held to be absent."""
        return np.ones(len(FINDINGS), np.bool_)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of a dataset that is no study to learn from: its number, from 1, and a code that says why."""

    row: int
    code: str


def target_text(report: str) -> str:
    """Report -> what the decoder learns: its `tellable` sentences joined by " . ", at most 100 words."""
    kept = tellable(report)
    return cut(" . ".join(kept) + " .") if kept else ""


def state_indices(text: str) -> npt.NDArray[np.int64]:
    """States of the 14 findings of a report, as indices into `State`."""
    found = label(text)
    return np.array([_STATE_INDEX[found[finding]] for finding in FINDINGS])


def stack(films: Sequence[npt.NDArray[np.uint8] | None]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Frontal and lateral -> films (2, 256, 256), a missing one blank, and which are present (2,)."""
    blank = np.zeros((SIDE, SIDE), np.uint8)
    return np.stack([blank if film is None else film for film in films]), np.array([f is not None for f in films])


def make_sample(
    key: str, patient: str, films: Sequence[npt.NDArray[np.uint8] | None], findings: str, impression: str,
    labels: Mapping[str, State] | None = None,
) -> Sample:  # fmt: skip
    """Assemble a sample; without labels of all findings the states come from findings and impression together."""
    stacked, present = stack(films)
    summary = clean(impression or findings)
    if labels and all(finding in labels for finding in FINDINGS):
        states = np.array([_STATE_INDEX[labels[finding]] for finding in FINDINGS])
    else:
        states = state_indices(f"{findings} {impression}")
    return Sample(key, patient, stacked, present, findings, target_text(findings), summary, states)


def read_iu_xray(directory: Path, split: str) -> Iterator[Sample | LeftOut]:
    """Read one split (train, val, test) of the IU X-Ray directory: `studies.csv` and `images/`.

    Rows of no known split are told with each. Films are read as the samples are taken.

    Raises
    ------
    UsageError : when it is no such directory, or a film of it cannot be read.
    """
    table = read_table(directory / "studies.csv", _COLUMNS, "The IU X-Ray directory", "dataset")
    for number, row in enumerate(table, start=1):
        if row["split"] not in _SPLITS:
            yield LeftOut(number, "split.unknown")
        elif row["split"] == split:
            yield _iu_sample(directory / "images", number, row)


def read_table(table: Path, columns: set[str], place: str, owner: str) -> list[dict[str, str]]:
    """Rows of a CSV that must have `columns`.

    Raises
    ------
    UsageError : `place` has no such file, or that of the `owner` is no table in UTF-8 or lacks columns.
    """
    if not table.is_file():
        raise UsageError(f"{place} has no {table.name}.")
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines, restval="")
            found = set(reader.fieldnames or ())
            rows = list(reader)
    except (ValueError, csv.Error):
        raise UsageError(f"The {table.name} of the {owner} is no CSV in UTF-8.") from None
    if missing := sorted(columns - found):
        raise UsageError(f"The {table.name} of the {owner} lacks columns: {', '.join(missing)}.")
    return rows


def _iu_sample(images: Path, number: int, row: dict[str, str]) -> Sample | LeftOut:
    if not clean(row["findings"]):
        return LeftOut(number, "report.empty")
    names: dict[str, str] = {}  # the first of each view
    for item in row["images"].split(";"):
        name, _, view = item.partition(":")
        names.setdefault(view, name)
    films = [preprocess(read_film(images / f"{names[v]}.jpg")) if v in names else None for v in ("Frontal", "Lateral")]
    if all(film is None for film in films):
        return LeftOut(number, "film.missing")
    return make_sample(row["uid"], row["uid"], films, row["findings"], row["impression"])


def read_film(path: Path) -> npt.NDArray[np.float32]:
    """Grey values of a picture file.

    Raises
    ------
    UsageError : when it cannot be read.
    """
    try:
        with PillowImage.open(path) as picture:
            return np.asarray(picture.convert("L"), np.float32)
    except (OSError, ValueError, SyntaxError):  # what Pillow raises at damage
        raise UsageError("A film of the dataset cannot be read.") from None


def draw_phantoms(count: int, seed: int) -> list[Sample]:
    """Procedural studies with known findings; every one is its own patient."""
    samples = []
    for index, study in enumerate(sample_studies(count, seed)):
        films = [preprocess(study.frontal.pixels), preprocess(study.lateral.pixels)]
        key = f"phantom-{seed}-{index}"
        samples.append(make_sample(key, key, films, study.findings, study.impression))
    return samples


def check_disjoint(train: Iterable[Sample], other: Iterable[Sample]) -> None:
    """Assert that no patient and no study is on both sides of a split (model.md §1.3).

    Raises
    ------
    UsageError : one is.
    """
    seen, asked = list(train), list(other)
    if shared := {s.patient for s in seen} & {s.patient for s in asked}:
        raise UsageError(f"{len(shared)} patients are in two splits of the dataset.")
    if shared := {s.key for s in seen} & {s.key for s in asked}:
        raise UsageError(f"{len(shared)} studies are in two splits of the dataset.")


READERS: dict[str, Callable[[Path, str], Iterable[Sample | LeftOut]]] = {"iu-xray": read_iu_xray}


class Reader(Protocol):
    """Reads the splits train, val and test of one collection of studies.

    `name` stands in manifests and tables; `least` is how many studies training needs.
    """

    name: str
    least: int

    @property
    def skipped(self) -> Counter[str]:
        """What has been left out so far, by code."""
        ...

    def __call__(self, split: str, limit: int | None = None, only: Collection[str] | None = None) -> list[Sample]:
        """The first `limit` samples of a split, of those with one of the keys `only`."""
        ...


class DirectoryReader:
    """A dataset in a directory.

    Raises
    ------
    UsageError : no such kind of dataset.
    """

    least = 0

    def __init__(self, name: str, directory: Path) -> None:
        if name not in READERS:
            raise UsageError(f"Known datasets: {', '.join(READERS)}.")
        self.name, self.directory = name, directory
        self._left_out: set[LeftOut] = set()  # a row once, however often it is met

    @property
    def skipped(self) -> Counter[str]:
        """See `Reader`; of the rows met so far, which with a limit are not all."""
        return Counter(row.code for row in self._left_out)

    def __call__(self, split: str, limit: int | None = None, only: Collection[str] | None = None) -> list[Sample]:
        """See `Reader`."""
        return list(islice((s for s in self._samples(split) if only is None or s.key in only), limit))

    def _samples(self, split: str) -> Iterator[Sample]:
        for found in READERS[self.name](self.directory, split):
            if isinstance(found, LeftOut):
                self._left_out.add(found)
            else:
                yield found
