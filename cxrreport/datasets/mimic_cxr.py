"""Directories laid out as MIMIC-CXR-JPG is, with the reports of MIMIC-CXR (Johnson et al., 2019) beside the images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from cxrreport.datasets.disk import stream_table
from cxrreport.datasets.listed import Listed, ListedImage, Said, has_lateral, read_study
from cxrreport.datasets.sample import LeftOut, Sample
from cxrreport.errors import InputError
from cxrreport.findings import FINDINGS, State
from cxrreport.records import Report, View
from cxrreport.reports.readers import text

_PLACE, _OWNER = "The MIMIC-CXR directory", "dataset"
_SPLITS = {"train": "train", "validate": "val", "test": "test"}
_VIEWS = {"PA": View.PA, "AP": View.AP, "LATERAL": View.LATERAL, "LL": View.LATERAL}  # all that are frontal or lateral
_STATES = {1.0: State.POSITIVE, 0.0: State.NEGATIVE, -1.0: State.UNCERTAIN}
_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
_NAME = re.compile(r"\w[\w.-]{0,127}", re.ASCII)  # of an image: it leads nowhere else
Study = tuple[str, str]  # subject_id, study_id


def list_mimic_cxr(directory: Path, split: str, labels: str = "") -> Iterator[Listed | LeftOut]:
    """List one split (train, val, test) of a directory as docs/training.md describes it.

    labels : "chexpert" or "negbio", the table to take the findings' states from; by default our own rules read the report.

    Raises
    ------
    UsageError : a table is missing, cut or lacks columns.
    """
    wanted: dict[str, int] = {}  # image -> the row that names it first
    for number, row in enumerate(_table(directory, "split", {"dicom_id", "split"}), start=1):
        if row["split"] not in _SPLITS:
            yield LeftOut(number, "split.unknown")
        elif _SPLITS[row["split"]] == split:
            wanted.setdefault(row["dicom_id"], number)
    studies: dict[Study, tuple[int, list[ListedImage]]] = {}
    for row in _table(directory, "metadata", {"dicom_id", "subject_id", "study_id", "ViewPosition"}):
        if (first := wanted.pop(row["dicom_id"], None)) is None:
            continue
        if not _is_sound(row):
            yield LeftOut(first, "row.malformed")
        else:
            film = ListedImage(_image(row), _VIEWS.get(row["ViewPosition"], View.OTHER), _area(row))
            studies.setdefault((row["subject_id"], row["study_id"]), (first, []))[1].append(film)
    yield from (LeftOut(number, "film.missing") for number in wanted.values())
    yield from _list(directory, studies, _states(directory, labels, studies) if labels else None)


def _table(directory: Path, name: str, columns: set[str]) -> Iterator[dict[str, str]]:
    return stream_table(directory / f"mimic-cxr-2.0.0-{name}.csv", columns, _PLACE, _OWNER)


def _is_sound(row: Mapping[str, str]) -> bool:
    """Whether identifiers are as they should be, so that a path of them stays within the directory."""
    numbers = all(_NUMBER.fullmatch(row[name]) for name in ("subject_id", "study_id"))
    return numbers and _NAME.fullmatch(row["dicom_id"]) is not None


def _image(row: Mapping[str, str]) -> str:
    return f"{_folder(row['subject_id'])}/s{row['study_id']}/{row['dicom_id']}"


def _folder(subject: str) -> str:
    return f"files/p{subject[:2]}/p{subject}"


def _area(row: Mapping[str, str]) -> int:
    sides = [row.get(name) or "" for name in ("Rows", "Columns")]
    return int(sides[0]) * int(sides[1]) if all(_NUMBER.fullmatch(side) for side in sides) else 0


def _states(directory: Path, labels: str, wanted: Mapping[Study, object]) -> dict[Study, dict[str, State]]:
    """States of the 14 findings, as the labels of others have them."""
    found = {}
    names = {name: name.title() for name in FINDINGS}
    for row in _table(directory, labels, {"subject_id", "study_id", *names.values()}):
        study = (row["subject_id"], row["study_id"])
        states = {name: _state(row[column]) for name, column in names.items()}
        if study in wanted and None not in states.values():
            found[study] = {name: state for name, state in states.items() if state is not None}
    return found


def _state(cell: str) -> State | None:
    """State of a cell, a number however it is written ("1", "1.00"); None where it is none of theirs."""
    try:
        return _STATES.get(float(cell)) if cell else State.BLANK
    except ValueError:
        return None


def _list(
    directory: Path,
    studies: Mapping[Study, tuple[int, list[ListedImage]]],
    states: Mapping[Study, dict[str, State]] | None,
) -> Iterator[Listed | LeftOut]:
    for study, (row, films) in studies.items():
        key = f"mimic-cxr-{row}"
        if states is not None and study not in states:
            yield LeftOut(row, "label.missing")
        else:
            read = partial(_read, directory, key, study, films, states[study] if states else None)
            yield Listed(row, key, read, has_lateral(films))


def _read(directory: Path, key: str, study: Study, films: list[ListedImage], labels: dict[str, State] | None) -> Sample:
    report = _report(directory / f"{_folder(study[0])}/s{study[1]}.txt")
    said = Said(report.findings, report.impression, report.indication, labels)
    return read_study(key, study[0], [directory], films, said)


def _report(path: Path) -> Report:
    try:
        found = next(text.read(path))
    except OSError:
        raise InputError("The report of the study cannot be read.", "report.unreadable") from None
    if not isinstance(found, Report):
        raise InputError("The report of the study cannot be used.", found.code)
    return found
