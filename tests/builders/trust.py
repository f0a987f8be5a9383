"""Judged drafts, made up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cxrreport.findings import Change, State
from cxrreport.store.judged import Agreed, Judged


def agreed(
    finding: str,
    drafted: State,
    signed: State,
    drafted_change: Change | None = None,
    signed_change: Change | None = None,
) -> Agreed:
    """One finding of a draft and of a report."""
    return Agreed(finding, "", "correct", "", "urgent", drafted, signed, drafted_change, signed_change)


def judged(*findings: Agreed, **changes: Any) -> Judged:
    """A draft with these findings."""
    facts: dict[str, Any] = {
        "draft_id": 1,
        "study_id": 1,
        "patient_id": 1,
        "at": datetime(2024, 5, 6, 12),
        "has_prior": False,
        "errors": 0,
        "edits": 0.0,
        "probabilities": {},
        "withheld": frozenset(),
        "shadow": False,
        "abstained": "",
        "sex": "F",
        "age_years": 70.0,
        "institution": "",
        "view": "pa",
        "device": "ACME X",
        "reader": "",
        "review": None,
        "comment": None,
        "calibration_sha256": None,
        "index_version": "",
    }
    return Judged(findings=findings, **{**facts, **changes})
