"""Evaluations as files: JSON with every number, and the drafts beside their references as CSV."""

from __future__ import annotations

import csv
import os
from errno import EIO
from pathlib import Path
from tempfile import TemporaryFile

from cxrreport.errors import StorageError, UsageError
from cxrreport.evaluation.evaluate import Evaluation


def place_document(out: Path, *facts: str) -> Path:
    """The JSON file: `out`, or `evaluation-<facts>.json` where that is a directory: dataset or films, split, protocol."""
    return out / f"evaluation-{'-'.join(facts)}.json" if out.is_dir() else out


def check_places(document: Path | None, texts: Path | None) -> None:
    """Try whether both files can be written, and leave nothing there.

    Raises
    ------
    UsageError : both are one file. StorageError : names the option and the reason.
    """
    if document is not None and texts is not None and document.resolve() == texts.resolve():
        raise UsageError("--out and --texts name the same file.")
    for option, path in (("--out", document), ("--texts", texts)):
        if path is None:
            continue
        into = (
            option == "--texts" and path.exists()
        )  # the JSON takes the place of its file, texts are written into theirs
        try:
            with path.open("ab") if into else TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise StorageError(f"{option} cannot be written: {os.strerror(error.errno or EIO)}.") from None


def write_texts(path: Path, evaluation: Evaluation) -> None:
    """Write one line a study: key, reference as signed, and the text of each row."""
    columns = [evaluation.keys, evaluation.references, *evaluation.texts.values()]
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["study", "reference", *evaluation.texts])
        writer.writerows(zip(*columns, strict=True))
