"""Real follow-ups of NIH ChestX-ray14: two images of one patient, with what their labels tell of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.disk import read_row_film, read_table
from cxrreport.datasets.nih import nih_findings, nih_view, split_of
from cxrreport.datasets.pairs.sample import UNSTATED, PairSample
from cxrreport.findings import FINDINGS
from cxrreport.records import View

PAIRS = "pairs.csv"
_COLUMNS = {"patient", "id_prev", "id_curr", "labels_prev", "labels_curr"}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A pair before its pixels are read: as of a `PairSample`; current, prior are paths of images, row that of the table.

    Labels tell what is new, resolved or still there. Whether it is worse they do not tell, nor how many days lie
    between the images.
    """

    key: str
    patient: str
    current: Path
    prior: Path
    now: npt.NDArray[np.bool_]
    before: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    view: View
    prior_view: View
    row: int


def nih_pairs(directory: Path, split: str) -> Iterator[PairSample]:
    """Read the follow-ups of a split with their pixels; raises as `read_follow_ups` and `open_follow_up`."""
    return map(open_follow_up, read_follow_ups(directory, split))


def read_follow_ups(directory: Path, split: str) -> Iterator[FollowUp]:
    """What `pairs.csv` tells of the patients of a split ("train", "val" or "held out").

    Raises
    ------
    UsageError : when it is no such directory.
    """
    table = read_table(directory / PAIRS, _COLUMNS, "The directory of pairs", "pairs")
    for number, row in enumerate(table, start=1):
        if split_of(row["patient"]) == split:
            yield _follow_up(directory / "images", number, row)


def open_follow_up(one: FollowUp) -> PairSample:
    """A follow-up with its pixels.

    Raises
    ------
    UsageError : an image cannot be read.
    """
    current, prior = (read_row_film(path, PAIRS, one.row) for path in (one.current, one.prior))
    return PairSample(
        one.key, one.patient, current, prior, one.now, one.before, one.known, np.full(len(FINDINGS), UNSTATED), (), None,
        place="nih",
    )  # fmt: skip


def _follow_up(images: Path, number: int, row: dict[str, str]) -> FollowUp:
    before, before_known = nih_findings(set(row["labels_prev"].split("|")))
    now, now_known = nih_findings(set(row["labels_curr"].split("|")))
    prior_view, view = (nih_view(row.get(name, "")) for name in ("view_prev", "view_curr"))
    return FollowUp(
        f"nih-{row['id_prev']}-{row['id_curr']}", f"nih-{row['patient']}", images / f"{row['id_curr']}.jpg",
        images / f"{row['id_prev']}.jpg", now, before, before_known & now_known, view, prior_view,
        number,
    )  # fmt: skip
