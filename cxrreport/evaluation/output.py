"""Evaluations as files: JSON with every number, and the drafts beside their references as CSV."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

from cxrreport.evaluation.evaluate import Evaluation


def write_document(path: Path, document: dict[str, Any]) -> Path:
    """Write the JSON; into a directory, as `evaluation-<dataset>-<split>-<protocol>.json`. Returns the file."""
    if path.is_dir():
        path /= "evaluation-{dataset}-{split}-{protocol}.json".format(**document)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)
    return path


def write_texts(path: Path, evaluation: Evaluation) -> None:
    """Write one line a study: key, reference as signed, and the text of each row."""
    columns = [evaluation.keys, evaluation.references, *evaluation.texts.values()]
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["study", "reference", *evaluation.texts])
        writer.writerows(zip(*columns, strict=True))
