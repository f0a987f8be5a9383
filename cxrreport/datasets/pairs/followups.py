"""Real follow-ups of two collections of COVID-19: two images of one patient with what notes tell of both, if anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from cxrreport.datasets.disk import read_film, read_table
from cxrreport.datasets.pairs.notes import truth_in_notes
from cxrreport.datasets.pairs.sample import UNSTATED, PairSample
from cxrreport.findings import FINDINGS

# Licences that let an image train weights that are given away, version numbers left out. A blank one permits nothing, nor
# does one that forbids commerce (NC) or changes (ND).
PERMITTED = ("CC0", "CC BY", "CC BY-SA", "Apache", "MIT", "BSD")
_FRONTAL = ("PA", "AP", "AP Supine")
_COVID_COLUMNS = {"patientid", "offset", "view", "license", "filename", "clinical_notes"}
_HANNOVER_COLUMNS = {"patient_id", "image_id", "admission_offset", "projection"}


def covid_pairs(directory: Path, *, permitted_only: bool = True) -> Iterator[PairSample]:
    """Read follow-ups of the covid-chestxray-dataset whose notes tell of change: `metadata.csv` and `images/`.

    Consecutive frontal images of a patient on different, known days. What the notes of either image say is known, what both
    say to be there has the progression that the later one tells. Pairs of which the notes tell nothing are left out.

    permitted_only : both images under a licence of `PERMITTED`, as training asks for. Such images come without notes, so of
        the collection as published none is left; to measure with, all of them may be read.

    Raises
    ------
    UsageError : when it is no such directory, or an image of it cannot be read.
    """
    rows = read_table(directory / "metadata.csv", _COVID_COLUMNS, "The directory of pairs", "pairs")
    usable = [row for row in rows if row["view"] in _FRONTAL]
    if permitted_only:
        usable = [row for row in usable if is_permitted(row["license"])]
    for prior, current, days in _consecutive(usable, "patientid", lambda row: _days(row["offset"])):
        truth = truth_in_notes(prior["clinical_notes"], current["clinical_notes"])
        if truth.known.any():
            images = [read_film(directory / "images" / f"{Path(row['filename']).stem}.jpg") for row in (prior, current)]
            yield PairSample(
                f"covid-{Path(prior['filename']).stem}-{Path(current['filename']).stem}", f"covid-{current['patientid']}",
                images[1], images[0], *truth, (), days, place="covid",
            )  # fmt: skip


def is_permitted(licence: str) -> bool:
    """Whether a licence is one of `PERMITTED`, in any version."""
    return re.sub(r"[ -]+[0-9.]+$", "", licence.strip()) in PERMITTED


def hannover_pairs(directory: Path) -> Iterator[PairSample]:
    """Read follow-ups of the COVID-19 repository of Hannover Medical School: `data.csv` and `images/`.

    Consecutive frontal images of a patient on different days. Nothing is known of any finding. `admission_offset` is the
    day of admission less that of the image: the later the image, the smaller.

    Raises
    ------
    UsageError : when it is no such directory, or an image of it cannot be read.
    """
    rows = read_table(directory / "data.csv", _HANNOVER_COLUMNS, "The directory of pairs", "pairs")
    frontal = [row for row in rows if row["projection"].lower() in ("pa", "ap")]
    nothing, unknown = np.zeros(len(FINDINGS), np.bool_), np.full(len(FINDINGS), UNSTATED)

    def day(row: dict[str, str]) -> int | None:
        offset = _days(row["admission_offset"])
        return None if offset is None else -offset

    for prior, current, days in _consecutive(frontal, "patient_id", day):
        images = [read_film(directory / "images" / f"{row['image_id']}.jpg") for row in (prior, current)]
        yield PairSample(
            f"hannover-{prior['image_id']}-{current['image_id']}", f"hannover-{current['patient_id']}",
            images[1], images[0], nothing, nothing, nothing, unknown, (), days, place="hannover",
        )  # fmt: skip


def _days(text: str) -> int | None:
    """A day count as written in a table, None where it is none."""
    try:
        return round(float(text))
    except (ValueError, OverflowError):
        return None


def _consecutive(
    rows: Iterable[dict[str, str]], owner: str, day: Callable[[dict[str, str]], int | None]
) -> Iterator[tuple[dict[str, str], dict[str, str], int]]:
    """Prior and current image of each patient, and the days between them; of images of one day nobody knows the order."""
    images: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for row in rows:
        when = day(row)
        if when is not None:
            images.setdefault(row[owner], []).append((when, row))
    for dated in images.values():
        dated.sort(key=lambda image: image[0])
        for (then, prior), (later, current) in pairwise(dated):
            if later > then:
                yield prior, current, later - then
