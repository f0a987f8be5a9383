"""Scores of the network on validation studies, by which thresholds and the best epoch are chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cxrreport.datasets.encoded import Encoded
from cxrreport.datasets.encoded_films import EncodedFilms
from cxrreport.datasets.sample import Sample
from cxrreport.evaluation.clinical import COMMON, mean_auc, state_maps
from cxrreport.evaluation.scoring import choose_thresholds, draft_samples, score_states, score_texts
from cxrreport.model.config import POSITIVE
from cxrreport.model.drafter import Drafter, StudyStates
from cxrreport.training.network_stage import NetworkStage

_SELECTING = ("example_f1", "states_macro_f1", "mean_auc", "films_auc")
_BATCH = 256  # memory must not grow with the archive


def validate(
    drafter: Drafter, samples: Sequence[Sample], encoded: Encoded, stage: NetworkStage | None,
    films: EncodedFilms | None = None,
) -> dict[str, float]:  # fmt: skip
    """Draft the studies; choose the network's thresholds, update pi for the stage, score.

    Selection: mean of the texts' example F1, the states' macro F1 and mean AUC, and, where there are labelled images, of
    theirs (`films_auc`). What a draft says of rare findings its table decides, not the decoder: the texts' macro F1 is no part.
    """
    network = drafter.network.eval()
    network.config.thresholds = None
    truth = np.stack([s.states for s in samples])
    probabilities = np.array([s.probabilities for s in _states(drafter, encoded)])
    if stage is not None:
        stage.update_prior(probabilities.astype(np.float32), truth)
    network.config.thresholds = choose_thresholds(probabilities, truth == POSITIVE)
    scores = score_drafts(drafter, samples, encoded)
    if films:
        truth = np.where(films.known, films.positive, np.nan)
        mean = mean_auc(truth, [s.scores for s in _states(drafter, films)], COMMON)
        scores |= {"films_auc": mean} if mean else {}
    return {**scores, "selection": float(np.mean([scores[name] for name in _SELECTING if name in scores]))}


def score_drafts(drafter: Drafter, samples: Sequence[Sample], encoded: Encoded) -> dict[str, float]:
    """Draft the studies with the thresholds as they are and score texts and states."""
    truth = np.stack([s.states for s in samples])
    drafts = draft_samples(drafter, encoded)
    texts = score_texts([d.text for d in drafts], [s.report for s in samples], state_maps(truth))
    states = {k: v for k, v in score_states(drafts, truth).items() if not k.startswith("auc ")}
    return {**texts, **states}


def _states(drafter: Drafter, encoded: Encoded | EncodedFilms) -> list[StudyStates]:
    """Findings of the plain images beside the reports that they retrieve."""
    found = list[StudyStates]()
    for rows in torch.arange(len(encoded.retrieved)).split(_BATCH):
        features = encoded.features(rows.tolist(), torch.zeros_like(rows)).to(drafter.device)
        reports = encoded.bank[encoded.retrieved[rows]].numpy()
        found += drafter.read_states(features, reports, np.ones(reports.shape[:2], bool))
    return found
