"""Scores of the archive's judged drafts beside what was signed: what a calibration is fitted to, without reading a film."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxrreport.findings import FINDINGS, State
from cxrreport.imaging.pairing import draft_images
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.records import Study, View
from cxrreport.store.catalogue import studies
from cxrreport.store.engine import session
from cxrreport.store.scores import JudgedScores, count_judged, judged_scores
from cxrreport.store.training import split_of
from cxrreport.trust.scored import Bools, Scored

if TYPE_CHECKING:
    from sqlalchemy import Engine

MOST = 50_000  # drafts, about 300 bytes each: of more, those of patients drawn by a digest
_PAGE = 500
_PARTS = 1 << 32


def read_scored(engine: Engine, weights_sha256: str) -> tuple[Scored, Bools]:
    """Read the judged drafts that these weights made. A state of which the report is uncertain is not known.

    Returns
    -------
    n films, and which of them (n,) are of the fifth of patients that training on the archive does not learn from.
    """
    pages = list(_pages(engine, weights_sha256)) or [[]]
    parts = [_scored(page) for page in pages]
    apart = [split_of(one.bucket) != "train" for page in pages for one, _ in page]
    scores, positive, known = (np.concatenate([getattr(one, name) for one in parts]) for name in _TABLES)
    views, patients = ([v for one in parts for v in getattr(one, name)] for name in ("views", "patients"))
    return Scored("archive", scores, positive, known, views, patients), np.array(apart, bool)


_TABLES = ("scores", "positive", "known")


def _scored(page: Sequence[tuple[JudgedScores, View | None]]) -> Scored:
    shape = (len(page), len(FINDINGS))
    scores = np.array([[one.scores[f] for f in FINDINGS] for one, _ in page], np.float64).reshape(shape)
    signed = np.array([[one.state(f) for f in FINDINGS] for one, _ in page], object).reshape(shape)
    patients = [str(one.patient_id) for one, _ in page]
    known = signed != State.UNCERTAIN
    return Scored("archive", scores, signed == State.POSITIVE, known, [view for _, view in page], patients)


def _pages(engine: Engine, weights: str) -> Iterator[list[tuple[JudgedScores, View | None]]]:
    """Drafts and the view of their frontal film."""
    with session(engine, read_only=True) as s:
        share = MOST / max(count_judged(s, weights, PREPROCESS_VERSION), 1)
    last = 0
    while True:
        with session(engine, read_only=True) as s:
            page = judged_scores(s, weights, PREPROCESS_VERSION, last, _PAGE)
            taken = [one for one in page if _is_drawn(one.patient_id, share)]
            known = studies(s, [one.study_id for one in taken])
        if not page:
            return
        last = page[-1].draft_id
        yield [(one, _view(known.get(one.study_id))) for one in taken]


def _view(study: Study | None) -> View | None:
    frontal = draft_images(study) if study else []
    return frontal[0].view if frontal else None


def _is_drawn(patient_id: int, share: float) -> bool:
    return int(hashlib.sha256(str(patient_id).encode()).hexdigest()[:8], 16) < share * _PARTS
