"""Evaluations as files: JSON with every number, and the drafts beside their references as CSV."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from errno import EIO
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from cxrreport.errors import StorageError, UsageError
from cxrreport.evaluation.evaluate import Evaluation
from cxrreport.files import write_json

_NAME = "evaluation-{dataset}-{split}-{protocol}.json"


def check_places(document: Path | None, texts: Path | None) -> None:
    """Try whether `write_document` and `write_texts` will find their places, and leave nothing there.

    Raises
    ------
    UsageError : both are one file. StorageError : names the option and the reason.
    """
    if document is not None and texts is not None and _is_same(document, texts):
        raise UsageError("--out and --texts name the same file.")
    if document is not None:
        _check("--out", document if document.is_dir() else document.parent)
    if texts is not None:
        _check("--texts", texts if texts.exists() else texts.parent, whole=texts.exists())


def _is_same(document: Path, texts: Path) -> bool:
    """Whether the JSON would overwrite the texts; the name that it takes in a directory is not known yet."""
    place = texts.resolve()
    if document.is_dir():
        return place.parent == document.resolve() and fnmatch(place.name, _NAME.format_map(defaultdict(lambda: "*")))
    return place == document.resolve()


def _check(option: str, place: Path, whole: bool = False) -> None:
    """Open a file that goes at once in a directory, or the `whole` of a file without writing to it."""
    try:
        with place.open("ab") if whole else TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise StorageError(f"{option} cannot be written: {os.strerror(error.errno or EIO)}.") from None


def write_document(path: Path, document: dict[str, Any]) -> Path:
    """Write the JSON; into a directory, as `evaluation-<dataset>-<split>-<protocol>.json`. Returns the file."""
    if path.is_dir():
        path /= _NAME.format(**document)
    write_json(path, document, indent=1)
    return path


def write_texts(path: Path, evaluation: Evaluation) -> None:
    """Write one line a study: key, reference as signed, and the text of each row."""
    columns = [evaluation.keys, evaluation.references, *evaluation.texts.values()]
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["study", "reference", *evaluation.texts])
        writer.writerows(zip(*columns, strict=True))
