"""What is said of films beside what radiologists say who judged them anew, and beside the labels that texts were mined for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cxrreport.evaluation.clinical import auc
from cxrreport.evaluation.films import Judged, share
from cxrreport.findings import FINDINGS


def expert_rows(
    films: Judged, keys: Sequence[str], truth: Mapping[str, Mapping[str, bool]], findings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """A row a label of the radiologists. keys (n,) of the films; truth : labels by key; findings : of each label, any of
    which bears it out. The area is that of the greatest of their probabilities; None where all films are alike. The mined
    labels are judged on films of which they tell.
    """
    return {label: _row(films, keys, truth, label, [FINDINGS.index(f) for f in of]) for label, of in findings.items()}


def _row(
    films: Judged, keys: Sequence[str], truth: Mapping[str, Mapping[str, bool]], label: str, columns: Sequence[int]
) -> dict[str, Any]:
    judged = films.take(np.array([label in truth.get(key, {}) for key in keys]))
    there = np.array([truth[key][label] for key in keys if label in truth.get(key, {})], bool)
    called, known = np.any(judged.called[:, columns], 1), judged.known[:, columns]
    mined = np.any(judged.positive[:, columns] & known, 1)
    told = mined | known.all(1)  # what was never mined for, such as fractures, is not missed
    area = auc(there, judged.probabilities[:, columns].max(1)) if len(judged) else np.nan
    return {
        "films": len(judged),
        "positives": int(there.sum()),
        "auc": None if np.isnan(area) else area,
        "sensitivity": share(called & there, there),
        "precision": share(called & there, called),
        "labels_sensitivity": share(mined & there, there & told),
        "labels_precision": share(mined & there, mined),
    }
