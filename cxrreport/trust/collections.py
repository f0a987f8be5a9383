"""Scores of labelled collections, as `generate` would give them with the reports of the training split as the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.encoded import nearest_rows
from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.sample import Sample
from cxrreport.log import Progress, unwatched
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import ImageFeatures
from cxrreport.records import PreparedStudy, View
from cxrreport.trust.scored import Scored

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Bank:
    """Reports to retrieve from: vectors (rows, d) and the patient of each."""

    vectors: npt.NDArray[np.float32]
    patients: Sequence[str]


def score_collection(
    drafter: Drafter, name: str, samples: Iterable[Sample | LabelledImage], bank: Bank | None,
    progress: Progress = unwatched,
) -> Scored:  # fmt: skip
    """Score all films of a collection that have a frontal one, batch by batch; there is one at least. bank : None where
    there are no reports to retrieve from.
    """
    scores, rows = [], []
    frontal = (sample for sample in samples if sample.present[0])
    while batch := list(islice(frontal, _BATCH)):
        scores += list(_scores(drafter, batch, bank))
        rows += [(s.positive, s.known, getattr(s, "view", View.FRONTAL), s.patient) for s in batch]
        progress("score", len(batch))
    positive, known, views, patients = zip(*rows, strict=True)
    return Scored(name, np.array(scores, np.float64), np.stack(positive), np.stack(known), views, patients)


def _scores(
    drafter: Drafter, batch: Sequence[Sample | LabelledImage], bank: Bank | None
) -> Iterator[tuple[float, ...]]:  # fmt: skip
    features = drafter.encode([PreparedStudy(s.pixels[0], s.pixels[1] if s.present[1] else None) for s in batch])
    reports, mask = _retrieve(drafter, features, [s.patient for s in batch], bank)
    for states in drafter.read_states(features, reports, mask):
        yield states.scores


def no_reports(drafter: Drafter, count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Vectors (count, N, d) and mask (count, N) of films that retrieve nothing."""
    nothing = np.zeros((count, drafter.retrieved, drafter.dimension), np.float32)
    return nothing, np.zeros(nothing.shape[:2], bool)


def _retrieve(
    drafter: Drafter, features: ImageFeatures, patients: Sequence[str], bank: Bank | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:  # fmt: skip
    """Vectors (B, N, d) of the reports nearest to each film, none of its own patient, and which of them are there (B, N)."""
    if bank is None:
        return no_reports(drafter, len(patients))
    rows = nearest_rows(
        drafter.embed_images(features), bank.vectors, patients, bank.patients, drafter.retrieved
    ).numpy()  # fmt: skip
    return bank.vectors[rows], np.ones(rows.shape, bool)
