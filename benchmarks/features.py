"""Features of a frozen encoder, computed once for all runs of `benchmarks.ablations` and kept in a file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from cxrreport.datasets.encoded import Encoded, encode_samples
from cxrreport.datasets.iu_xray import DirectoryReader
from cxrreport.datasets.sample import Sample, check_disjoint
from cxrreport.errors import UsageError
from cxrreport.files import atomic
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.model.drafter import Drafter


@dataclass(frozen=True)
class Split:
    """Samples and their cached features."""

    samples: list[Sample]
    encoded: Encoded


def read_splits(data: Path, names: Sequence[str], limit: int | None) -> dict[str, list[Sample]]:
    """Samples of the splits, which share no patient.

    Raises
    ------
    UsageError : bad dataset, or a split of it is empty.
    """
    read = DirectoryReader("iu-xray", data)
    splits = {name: read(name, limit) for name in names}
    if empty := [name for name, samples in splits.items() if not samples]:
        raise UsageError(f"The dataset has no study for {', '.join(empty)}.")
    for name in names[1:]:
        check_disjoint(splits["train"], splits[name])
    return splits


def cache(path: Path, drafter: Drafter, splits: dict[str, list[Sample]], copies: int) -> dict[str, Split]:
    """Features from the file, where it is whole and holds these studies; else encode them and write it."""
    facts = {
        "weights": drafter.weights.sha256,
        "preprocess": str(PREPROCESS_VERSION),
        "copies": str(copies),
        **{f"studies {name}": hash_keys(samples) for name, samples in splits.items()},
    }
    if not facts.items() <= read_facts(path).items():
        write_features(path, encode(drafter, splits, copies), facts)
    with safe_open(path, framework="pt") as file:
        return {
            name: Split(samples, Encoded(*(file.get_tensor(f"{name}/{f.name}") for f in fields(Encoded))))
            for name, samples in splits.items()
        }


def hash_keys(samples: Sequence[Sample]) -> str:
    """Digest of what the features and their order hang on."""
    return hashlib.sha256("\n".join(f"{s.key} {s.summary}" for s in samples).encode()).hexdigest()


def read_facts(path: Path) -> dict[str, str]:
    """What a file of features was made of; nothing where there is none or it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError):
        return {}


def encode(drafter: Drafter, splits: dict[str, list[Sample]], copies: int) -> dict[str, Encoded]:
    """Features of every split, augmented copies for train alone; the bank is the train split's reports."""
    train = splits["train"]
    bank, patients = drafter.embed_texts([s.summary for s in train]), [s.patient for s in train]
    generator = torch.Generator().manual_seed(0)
    return {
        name: encode_samples(drafter, samples, bank, patients, copies if name == "train" else 1, generator)
        for name, samples in splits.items()
    }


def write_features(path: Path, found: dict[str, Encoded], facts: dict[str, str]) -> None:
    """Write the file whole or not at all."""
    tensors = {f"{name}/{f.name}": getattr(e, f.name).clone() for name, e in found.items() for f in fields(Encoded)}
    with atomic(path) as file:
        save_file(tensors, file, metadata=facts)
