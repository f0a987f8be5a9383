"""Fits the groups of training films of a weights directory (`model/reference.py`), and puts them beside the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.nih import FILM_READERS, Film, open_film
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.datasets.sample import Sample
from cxrreport.datasets.splits import drawn
from cxrreport.files import atomic
from cxrreport.log import Progress
from cxrreport.model.config import PATCHES
from cxrreport.model.drafter import Drafter
from cxrreport.model.manifest import NETWORK, naming
from cxrreport.model.reference import REFERENCE, Reference, unit
from cxrreport.records import PreparedStudy

QUANTILE = 0.99  # of the distances of ordinary films, that is told as 1
_DIRECTIONS = 64
_MOST = 500  # films of a group: more change its mean and variances by less than the bound's own error
_LEAST = 1e-6  # of the mean variance: that of a direction in which too few films differ
_PHANTOMS, _SEED = 200, 51
_BATCH = 16
Floats = npt.NDArray[np.float32]
Groups = dict[str, Floats]
T = TypeVar("T")


def fit_weights_reference(
    drafter: Drafter,
    name: str,
    splits: Mapping[str, Sequence[Sample]],
    films: tuple[str, Path] | None,
    progress: Progress,
) -> Reference:
    """Fit to the train splits, drawn films among them, and scale to the validation splits.

    splits : "train" and "val" of the data set `name`. films : kind and directory of labelled films.
    """
    phantoms = draw_phantoms(_PHANTOMS, _SEED)
    train = _studies(drafter, name, splits["train"], progress) | _studies(drafter, "drawn", phantoms, progress)
    ordinary = _studies(drafter, name, splits["val"], progress)
    if films is not None:
        train |= _films(drafter, films, "train", progress)
        ordinary |= _films(drafter, films, "val", progress)
    return fit(train, ordinary, drafter.weights.manifest["files"][NETWORK])


def fit(groups: Mapping[str, Floats], ordinary: Mapping[str, Floats], network: str) -> Reference:
    """Fit groups of features, name -> (n, C); each counts alike, however many films it has.

    ordinary : features of validation films, of which each group counts alike, too. network : digest.
    """
    known = [unit(films) for films in groups.values()]
    means = np.stack([films.mean(0) for films in known])
    apart = np.concatenate([(films - films.mean(0)) / np.sqrt(len(films)) for films in known])
    variance, axes = np.linalg.eigh(apart.T @ apart / len(groups))  # ascending
    variance = np.maximum(variance, _LEAST * variance.mean())
    kept = min(_DIRECTIONS, len(variance) - 1)
    found = Reference(
        means, axes[:, -kept:].T, variance[-kept:], variance[:-kept].mean()[None], np.ones(1, np.float32),
        np.frombuffer(bytes.fromhex(network), np.uint8),
    )  # fmt: skip
    stored = Reference.parse(found.content)  # in the precision in which it will serve
    return replace(stored, bound=np.array([_bound(stored, ordinary)], np.float32))


def _bound(reference: Reference, ordinary: Mapping[str, Floats]) -> float:
    """Weighted quantile of the distances."""
    far = [reference.distances(films) for films in ordinary.values()]
    weights = np.concatenate([np.full(len(one), 1 / len(one)) for one in far])
    order = np.argsort(found := np.concatenate(far))
    reached = np.cumsum(weights[order]) >= QUANTILE * weights.sum()
    return float(found[order][reached.argmax()])


def write_reference(directory: Path, reference: Reference) -> None:
    """Put the groups beside the weights, and name them in the manifest."""
    with naming(directory, "reference", reference.sha256), atomic(directory / REFERENCE, 0o666) as file:
        file.write_bytes(reference.content)


def _studies(drafter: Drafter, name: str, samples: Sequence[Sample], progress: Progress) -> Groups:
    """Features of studies with their lateral film, and of their frontal films alone."""
    frontal = [sample for sample in samples if sample.present[0]]
    found: dict[str, list[Floats]] = {f"{name} frontal": [], f"{name} both": []}
    for batch in _batches(drawn(frontal, [sample.key for sample in frontal], _MOST), progress):
        features = drafter.encode([PreparedStudy(s.pixels[0], s.pixels[1] if s.present[1] else None) for s in batch])
        both = np.array([bool(sample.present[1]) for sample in batch])
        found[f"{name} frontal"] += [features.patches[:, :PATCHES].mean(1).float().cpu().numpy()]
        found[f"{name} both"] += [features.pooled.float().cpu().numpy()[both]]
    return _joined(found)


def _films(drafter: Drafter, films: tuple[str, Path], split: str, progress: Progress) -> Groups:
    """Features of labelled films, by view."""
    kind, directory = films
    by_view: dict[str, list[Film]] = {}
    for film in FILM_READERS[kind](directory, split):
        by_view.setdefault(f"{kind} {film.view}", []).append(film)
    found: dict[str, list[Floats]] = {}
    for name, own in by_view.items():
        for batch in _batches(map(open_film, drawn(own, [film.key for film in own], _MOST)), progress):
            features = drafter.encode([PreparedStudy(image.pixels[0], None) for image in batch])
            found.setdefault(name, []).append(features.pooled.float().cpu().numpy())
    return _joined(found)


def _batches(items: Iterable[T], progress: Progress) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
        progress("compare", len(batch))


def _joined(found: Mapping[str, list[Floats]]) -> Groups:
    """Groups that have a film."""
    joined = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    return {name: films for name, films in joined.items() if len(films)}
