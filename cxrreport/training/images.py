"""The labelled images without reports that a run learns from. A run that goes on keeps to those that it was begun with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from cxrreport.datasets.nih import IMAGE_READERS, LabelledImage
from cxrreport.errors import UsageError
from cxrreport.files import write_json
from cxrreport.training.options import TrainOptions

_FILE = "films.json"  # digests of each split
Images = list[LabelledImage]


def read_images(options: TrainOptions) -> tuple[Images, Images]:
    """Those to learn from and those of validation; none where none are named or neither encoder nor network learns.

    Raises
    ------
    UsageError : there is none to learn from, one cannot be read, or they have changed since the run was begun.
    """
    name, directory = options.films, options.films_directory
    if name is None or directory is None or not options.recipe.trains_network:
        return [], []
    train, val = (list(islice(IMAGE_READERS[name](directory, split), options.limit)) for split in ("train", "val"))
    if not train:
        raise UsageError("There is no labelled film to learn from: check --films.")
    path = options.out / _FILE
    if path.exists() and _recall(path) != _describe(train, val):
        raise UsageError("Films that the run was begun with have changed or are gone: name another --out.")
    return train, val


def remember_images(out: Path, train: Images, val: Images) -> None:
    """Keep in `OUT/films.json` what `read_images` gave, where there is any and it is not kept yet."""
    if train and not (out / _FILE).exists():
        write_json(out / _FILE, _describe(train, val))


def _describe(train: Images, val: Images) -> dict[str, str]:
    return {"train": _digest(train), "val": _digest(val)}


def _digest(images: Sequence[LabelledImage]) -> str:
    """Of all but the pixels."""
    facts = [[one.key, one.patient, one.positive.tolist(), one.known.tolist()] for one in images]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _recall(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UsageError(f"The {_FILE} of the run directory is damaged: name another --out.") from None
