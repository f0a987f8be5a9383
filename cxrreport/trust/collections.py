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
from cxrreport.records import PreparedStudy, View
from cxrreport.trust.scored import Scored

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Bank:
    """Reports to retrieve from: vectors (rows, d) and the patient of each."""

    vectors: npt.NDArray[np.float32]
    patients: Sequence[str]


def score_collection(
    drafter: Drafter, name: str, samples: Iterable[Sample | LabelledImage], bank: Bank, progress: Progress = unwatched
) -> Scored:
    """Score all films of a collection that have a frontal one, batch by batch."""
    scores, rows = [], []
    frontal = (sample for sample in samples if sample.present[0])
    while batch := list(islice(frontal, _BATCH)):
        scores += list(_scores(drafter, batch, bank))
        rows += [(s.positive, s.known, getattr(s, "view", View.FRONTAL), s.patient) for s in batch]
        progress("score", len(batch))
    positive, known, views, patients = zip(*rows, strict=True)
    return Scored(name, np.array(scores, np.float64), np.stack(positive), np.stack(known), views, patients)


def _scores(drafter: Drafter, batch: Sequence[Sample | LabelledImage], bank: Bank) -> Iterator[tuple[float, ...]]:
    studies = [PreparedStudy(s.pixels[0], s.pixels[1] if s.present[1] else None) for s in batch]
    features = drafter.encode(studies)
    patients = [s.patient for s in batch]
    rows = nearest_rows(
        drafter.embed_images(features), bank.vectors, patients, bank.patients, drafter.retrieved
    ).numpy()  # fmt: skip
    reports = bank.vectors[rows]
    for states in drafter.read_states(features, reports, np.ones(reports.shape[:2], bool)):
        yield states.scores
