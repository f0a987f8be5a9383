"""Read IU X-Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cxrreport import indications
from cxrreport.datasets.disk import read_row_film, read_table
from cxrreport.datasets.sample import LeftOut, Sample, make_sample
from cxrreport.reports.sections import clean

_TABLE = "studies.csv"
_COLUMNS = {"uid", "split", "images", "findings", "impression"}
_SPLITS = {"train", "val", "test"}


def read_iu_xray(directory: Path, split: str) -> Iterator[Sample | LeftOut]:
    """Read one split (train, val, test) of the IU X-Ray directory: `studies.csv` and `images/`.

    Rows of no known split are told with each. Nobody asks for the language, as of other collections: this one is in English,
    and a report that the rule misjudges must not leave a published split. Images are read as the samples are taken.

    Raises
    ------
    UsageError : when it is no such directory, or an image of it cannot be read.
    """
    table = read_table(directory / _TABLE, _COLUMNS, "The IU X-Ray directory", "dataset")
    for number, row in enumerate(table, start=1):
        if row["split"] not in _SPLITS:
            yield LeftOut(number, "split.unknown")
        elif row["split"] == split:
            yield _iu_sample(directory / "images", number, row)


def _iu_sample(images: Path, number: int, row: dict[str, str]) -> Sample | LeftOut:
    if not clean(row["findings"]):
        return LeftOut(number, "report.empty")
    names: dict[str, str] = {}  # the first of each view
    for item in row["images"].split(";"):
        name, _, view = item.partition(":")
        names.setdefault(view, name)
    views = [
        read_row_film(images / f"{names[v]}.jpg", _TABLE, number) if v in names else None
        for v in ("Frontal", "Lateral")
    ]
    if all(one is None for one in views):
        return LeftOut(number, "film.missing")
    indication = indications.choose([row.get("indication", "")])
    return make_sample(row["uid"], row["uid"], views, row["findings"], row["impression"], indication=indication)
