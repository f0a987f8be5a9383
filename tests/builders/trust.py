"""Judged drafts, made up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select

from builders.store import begin_run, scan_study
from cxrreport.drafts import Draft, Finding, Provenance
from cxrreport.findings import FINDINGS, Change, State, Tier
from cxrreport.mistakes import Dimension, Mistake, Verdict
from cxrreport.records import View
from cxrreport.store import drafts
from cxrreport.store.agreement import Compared, Judgement, Pending, save_judgement
from cxrreport.store.engine import session
from cxrreport.store.judged import Agreed, Judged
from cxrreport.store.schema import DraftRow

WEIGHTS = "w" * 64


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


def judge_study(engine: Engine, number: int, made_with: Provenance | None = None, **signed: State) -> int:
    """A study of a patient of its own with a draft, judged to have these findings; returns the draft."""
    study = scan_study(engine, str(number), f"P{number}", view=View.PA)
    rows = tuple(Finding(f, State.BLANK, 0.5, raw_score=0.25 + i / 100) for i, f in enumerate(FINDINGS))
    found = [
        Compared(Mistake(f, "", Verdict.MISSED, Dimension.STATE, Tier.URGENT), signed=s) for f, s in signed.items()
    ]
    made = Draft(study.id, None, "", "F", "", "", rows, (), (), (), made_with or Provenance(WEIGHTS, 1, "x", "i"))
    with session(engine) as s:
        drafts.save_drafts(s, begin_run(engine), [made])
    with session(engine) as s:
        draft_id = s.scalar(select(func.max(DraftRow.id))) or 0
        save_judgement(s, Pending(draft_id, None, None, "k"), Judgement(0, 0.0, found))
    return draft_id
