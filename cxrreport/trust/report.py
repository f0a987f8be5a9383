"""What a calibration brings, as plain values for a table and for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from cxrreport.evaluation.reliability import by_finding
from cxrreport.findings import FINDINGS
from cxrreport.trust.scored import Floats, Scored


def compare_reliability(scored: Scored, probabilities: Floats, before: Floats | None = None) -> dict[str, Any]:
    """ECE and Brier score of each finding before and after, and their means. before : the scores where it is None."""
    earlier = by_finding(scored.scores if before is None else before, scored.positive, scored.known)
    later = by_finding(probabilities, scored.positive, scored.known)
    rows: dict[str, dict[str, Any]] = {
        FINDINGS[i]: {
            "films": row.films,
            "positives": row.positives,
            "ece": _pair(earlier[i].ece, row.ece),
            "brier": _pair(earlier[i].brier, row.brier),
        }
        for i, row in later.items()
    }
    means = {
        name: _pair(*(float(np.mean([row[name][when] for row in rows.values()])) for when in ("before", "after")))
        for name in ("ece", "brier")
    }
    return {"findings": rows, "mean": means}


def _pair(before: float, after: float) -> dict[str, float]:
    return {"before": round(before, 4), "after": round(after, 4)}
