"""How well retrieved reports agree with a study's findings: the score that retrievers are compared by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cxrreport.model.config import POSITIVE

States = npt.NDArray[np.int64]


def label_f1(states: States, others: States) -> npt.NDArray[np.float64]:
    """F1 of the positive findings of reports, taken as sets, "no finding" among them; 1 where both have none.

    states, others : indices into `State`, shapes (..., 14) that broadcast; returns (...), 0..1, symmetric.
    """
    ours, theirs = states == POSITIVE, others == POSITIVE
    both, total = (ours & theirs).sum(-1), ours.sum(-1) + theirs.sum(-1)
    return np.where(total == 0, 1.0, 2 * both / np.maximum(total, 1))


def label_f1_at(states_query: States, states_retrieved: States) -> float:
    """Label-F1@k: `label_f1` of a query's own report and each of its k retrieved ones, mean over k and over queries.

    states_query (n, 14), states_retrieved (n, k, 14). @1 is the F1 with the nearest report alone.

    Raises
    ------
    ValueError : no query, no retrieved report, or shapes that do not fit.
    """
    if states_retrieved.ndim != 3 or (len(states_retrieved), states_retrieved.shape[2]) != states_query.shape:
        raise ValueError(f"states {states_retrieved.shape} retrieved for queries {states_query.shape}")
    if not states_retrieved.size:
        raise ValueError("no query or no retrieved report")
    return float(label_f1(states_query[:, None], states_retrieved).mean())
