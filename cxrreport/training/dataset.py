"""Training samples: films in memory, target text, states, and who belongs to which split."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from cxrreport.demo.samples import sample_studies
from cxrreport.errors import UsageError
from cxrreport.imaging.preprocess import SIDE, preprocess
from cxrreport.records import FINDINGS, State
from cxrreport.reports.comparison import strip_comparison
from cxrreport.reports.labels import label
from cxrreport.reports.sections import clean, cut
from cxrreport.reports.sentences import sentences

_STATE_INDEX = {state: index for index, state in enumerate(State)}
# a size, whose number may be withheld: "1.2 cm", "8-mm", "XXXX cm", "x cm"
_LIST_NUMBER = re.compile(r"^\s*\d+\s*[.)]\s*")
_UNSPOKEN = re.compile(r"[^\w\s,'/-]")
_MEASUREMENT = re.compile(r"(?:\d|\bx+)[\s-]*(?:mm|cm|(?:milli|centi)met(?:er|re)s?)\b", re.IGNORECASE)
_COLUMNS = {"uid", "split", "images", "findings", "impression"}


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


def target_text(report: str) -> str:
    """Report -> what the decoder learns: lower case, sentences joined by " . ", at most 100 words, commas and hyphens kept.

    Left out are comparisons (no prior is shown, temporal.md §2.6), sentences that measure (the network cannot) and the
    placeholders of de-identification.
    """
    seen = strip_comparison(report)
    said = (seen[start:end] for start, end in sentences(seen))
    kept = [words for sentence in said if not _MEASUREMENT.search(sentence) and (words := _spoken(sentence))]
    return cut(" . ".join(kept) + " .") if kept else ""


def _spoken(sentence: str) -> str:
    """One sentence without list number, placeholders and unspoken signs."""
    words = (word for word in _LIST_NUMBER.sub("", sentence).lower().split() if "xxxx" not in word)
    return " ".join(_UNSPOKEN.sub(" ", " ".join(words)).split()).strip(" ,/'-")


def state_indices(text: str) -> npt.NDArray[np.int64]:
    """States of the 14 findings of a report, as indices into `State`."""
    found = label(text)
    return np.array([_STATE_INDEX[found[finding]] for finding in FINDINGS])


def stack(films: Sequence[npt.NDArray[np.uint8] | None]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Frontal and lateral -> films (2, 256, 256), a missing one blank, and which are present (2,)."""
    blank = np.zeros((SIDE, SIDE), np.uint8)
    return np.stack([blank if film is None else film for film in films]), np.array([f is not None for f in films])


def make_sample(
    key: str, patient: str, films: Sequence[npt.NDArray[np.uint8] | None], findings: str, impression: str
) -> Sample:
    """Assemble a sample; states come from findings and impression together."""
    stacked, present = stack(films)
    summary = clean(impression or findings)
    states = state_indices(f"{findings} {impression}")
    return Sample(key, patient, stacked, present, findings, target_text(findings), summary, states)


def read_iu_xray(directory: Path, split: str) -> list[Sample]:
    """Read one split (train, val, test) of the IU X-Ray directory: `studies.csv` and `images/`.

    Raises
    ------
    UsageError : when it is no such directory, or a film of it cannot be read.
    """
    rows = (row for row in _iu_rows(directory / "studies.csv") if row["split"] == split)
    return [sample for row in rows if (sample := _iu_sample(directory / "images", row)) is not None]


def _iu_rows(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        raise UsageError("The IU X-Ray directory has no studies.csv.")
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines, restval="")
            rows = list(reader)
    except (ValueError, csv.Error):
        raise UsageError("The studies.csv of the dataset is no CSV in UTF-8.") from None
    if missing := sorted(_COLUMNS - set(reader.fieldnames or ())):
        raise UsageError(f"The studies.csv of the dataset lacks columns: {', '.join(missing)}.")
    return rows


def _iu_sample(images: Path, row: dict[str, str]) -> Sample | None:
    views: dict[str, npt.NDArray[np.uint8] | None] = {"Frontal": None, "Lateral": None}
    for item in filter(None, row["images"].split(";")):
        name, _, projection = item.partition(":")
        if projection in views and views[projection] is None:
            views[projection] = preprocess(read_film(images / f"{name}.jpg"))
    if not row["findings"].strip() or all(film is None for film in views.values()):
        return None
    return make_sample(row["uid"], row["uid"], list(views.values()), row["findings"], row["impression"])


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
    """Assert that no patient is on both sides of a split (model.md §1.3)."""
    shared = {s.patient for s in train} & {s.patient for s in other}
    if shared:
        raise UsageError(f"{len(shared)} patients are in two splits of the dataset.")


READERS: dict[str, Callable[[Path, str], list[Sample]]] = {"iu-xray": read_iu_xray}
