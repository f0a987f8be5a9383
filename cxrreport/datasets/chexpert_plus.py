"""CheXpert Plus (Chambon et al., 2024): one table of images with their reports, and the images below `train/` and `valid/`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from cxrreport import indications
from cxrreport.datasets.disk import stream_table
from cxrreport.datasets.listed import Listed, ListedImage, Said, has_lateral, read_study
from cxrreport.datasets.sample import LeftOut
from cxrreport.records import View
from cxrreport.reports import sections

_TABLE = "df_chexpert_plus_240401.csv"
_COLUMNS = {"path_to_image", "frontal_lateral", "report", "section_findings", "section_impression"}
_SPLITS = {"train": "train", "valid": "val"}
_VIEWS = {"Frontal": View.FRONTAL, "Lateral": View.LATERAL}
_IMAGE = re.compile(r"((?:(train|valid)/(patient\d+)/study\d+)/view\d+_\w+)\.(?:jpe?g|png|dcm)", re.ASCII)
_FOLDERS = ("", "PNG", "DICOM")


def list_chexpert_plus(directory: Path, split: str) -> Iterator[Listed | LeftOut]:
    """List one split, train or val (which is `valid/`), of a directory as docs/training.md describes it; test is empty.

    The table is gone through twice, so that no report waits in memory.

    Raises
    ------
    UsageError : the table is missing, cut or lacks columns.
    """
    films: dict[str, list[ListedImage]] = {}  # of each study
    for number, row in enumerate(_rows(directory), start=1):
        found = _IMAGE.fullmatch(row["path_to_image"])
        if found is None:
            yield LeftOut(number, "row.malformed")
        elif _SPLITS[found[2]] == split:
            film = ListedImage(found[1], _VIEWS.get(row["frontal_lateral"], View.OTHER))
            films.setdefault(film.name.rpartition("/")[0], []).append(film)
    folders = [directory / folder for folder in _FOLDERS]
    for number, row in enumerate(_rows(directory), start=1):
        found = _IMAGE.fullmatch(row["path_to_image"])
        if found and (of_study := films.pop(found[1].rpartition("/")[0], None)):
            key = f"chexpert-plus-{number}"
            read = partial(read_study, key, found[3], folders, of_study, _said(row))
            yield Listed(number, key, read, has_lateral(of_study))


def _rows(directory: Path) -> Iterator[dict[str, str]]:
    return stream_table(directory / _TABLE, _COLUMNS, "The CheXpert Plus directory", "dataset")


def _said(row: Mapping[str, str]) -> Said:
    """Sections of the table; of a report that it has not cut into findings or impression, those that we find."""
    reasons = [row.get(name) or "" for name in ("section_clinical_history", "section_history")]
    findings, impression = row["section_findings"], row["section_impression"]
    if not (findings or impression):
        own = sections.split(row["report"])
        findings, impression, reasons = own.findings, own.impression, [*reasons, own.indication]
    return Said(findings, impression, indications.choose(reasons))
