"""The samples of a run. A run that goes on learns from those that it was begun with, whatever the archive has got since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from cxrreport.datasets.sample import Reader, Sample, check_disjoint, left_out
from cxrreport.errors import UsageError
from cxrreport.files import write_json

_FILE = "studies.json"  # keys and digest of each split; keys are row numbers or public names, never a patient's
_LEAST_VAL = 4
_LEAST_PATIENTS = 2
T = TypeVar("T")


def read_whole(read: Reader, names: Iterable[str], limit: int | None = None) -> dict[str, list[Sample]]:
    """Samples of splits by name.

    Raises
    ------
    UsageError : bad dataset, a split of it is empty, or two have a patient or a study in common.
    """
    splits = {name: read(name, limit) for name in names}
    if empty := sorted(name for name, samples in splits.items() if not samples):
        raise UsageError(f"The dataset has no study for {', '.join(empty)}.", "usage.few_studies")
    for one, other in combinations(splits.values(), 2):
        check_disjoint(one, other)
    return splits


def drawn(items: Sequence[T], keys: Iterable[str], most: int | None) -> list[T]:
    """At most so many, in their order: those whose digests of their keys are the least, and so the same ones every time."""
    order = sorted((hashlib.sha256(key.encode()).digest(), i) for i, key in enumerate(keys))
    return [items[i] for i in sorted(i for _, i in order[:most])]


def read_splits(read: Reader, out: Path, limit: int | None) -> tuple[list[Sample], list[Sample]]:
    """Samples to learn from and to validate on: those of `OUT/studies.json` where the run was begun, else all there are.

    Raises
    ------
    UsageError : too few, a patient in both, or one of them changed or gone since the run was begun.
    """
    path = out / _FILE
    begun = _recall(path)
    train, val = (read(split, limit, _keys(begun, split)) for split in ("train", "val"))
    check_disjoint(train, val)
    _check_enough(read, train, val, limit)
    if begun is not None and begun != describe(train, val):
        raise UsageError("Studies that the run was begun with have changed or are gone: name another --out.")
    return train, val


def remember_splits(out: Path, train: Sequence[Sample], val: Sequence[Sample]) -> None:
    """Keep in `OUT/studies.json` what the run learns from, where it is not kept yet."""
    if not (out / _FILE).exists():
        write_json(out / _FILE, describe(train, val))


def describe(train: Sequence[Sample], val: Sequence[Sample]) -> dict[str, Any]:
    """Keys of both splits, and digests of what they hold but the images."""
    return {"train": _describe(train), "val": _describe(val)}


def _check_enough(read: Reader, train: Sequence[Sample], val: Sequence[Sample], limit: int | None) -> None:
    least = max(min(read.least, limit or read.least), 2)
    least_val = _LEAST_VAL if read.least else 1
    patients = len({s.patient for s in train})  # no study learns from a report of its own patient
    if len(train) < least or patients < _LEAST_PATIENTS or len(val) < least_val:
        skipped = ", ".join(f"{code} {count}" for code, count in left_out(read).items()) or "nothing"
        raise UsageError(
            f"Training needs {least} studies with films and a signed report, of {_LEAST_PATIENTS} patients or more, to"
            f" learn from and {least_val} of other patients to validate on; there are {len(train)} (patients: {patients})"
            f" and {len(val)}, and left out: {skipped}.",
            "usage.few_studies",
        )


def _describe(samples: Sequence[Sample]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for s in samples:
        facts = [s.key, s.patient, s.report, s.target, s.summary, s.states.tolist(), s.present.tolist()]
        digest.update(json.dumps(facts).encode() + b"\n")
    return {"keys": [s.key for s in samples], "sha256": digest.hexdigest()}


def _keys(begun: dict[str, Any] | None, split: str) -> frozenset[str] | None:
    return None if begun is None else frozenset(begun[split]["keys"])


def _recall(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {
            split: {"keys": list(facts[split]["keys"]), "sha256": facts[split]["sha256"]} for split in ("train", "val")
        }
    except (ValueError, TypeError, KeyError):
        raise UsageError("The studies.json of the run directory is damaged: name another --out.") from None
