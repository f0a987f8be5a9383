"""Read IU X-Ray, and the tables and pictures that every collection on disk consists of."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from cxrreport import indications
from cxrreport.datasets.sample import LeftOut, Sample, make_sample
from cxrreport.errors import UsageError
from cxrreport.imaging.preprocess import preprocess
from cxrreport.reports.sections import clean

_COLUMNS = {"uid", "split", "images", "findings", "impression"}
_SPLITS = {"train", "val", "test"}


def read_iu_xray(directory: Path, split: str) -> Iterator[Sample | LeftOut]:
    """Read one split (train, val, test) of the IU X-Ray directory: `studies.csv` and `images/`.

    Rows of no known split are told with each. Images are read as the samples are taken.

    Raises
    ------
    UsageError : when it is no such directory, or an image of it cannot be read.
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
    views = [
        preprocess(read_pixels(images / f"{names[v]}.jpg")) if v in names else None for v in ("Frontal", "Lateral")
    ]
    if all(one is None for one in views):
        return LeftOut(number, "film.missing")
    indication = indications.choose([row.get("indication", "")])
    return make_sample(row["uid"], row["uid"], views, row["findings"], row["impression"], indication=indication)


def read_pixels(path: Path) -> npt.NDArray[np.float32]:
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


READERS: dict[str, Callable[[Path, str], Iterable[Sample | LeftOut]]] = {"iu-xray": read_iu_xray}


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
