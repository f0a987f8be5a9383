"""Weeks of a hospital, made up: sums of drafts by week and device, and a database of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks.drift import cell
from cxrreport.drafts import DraftStatus, MadeWith, Watched
from cxrreport.findings import State
from cxrreport.records import Origin, View
from cxrreport.store.outcomes import AgreementRow, JudgementRow
from cxrreport.store.runs import begin_run
from cxrreport.store.schema import DraftRow, FindingRow, ImageRow, PatientRow, StudyRow
from cxrreport.store.weeks import WEEK, Sums

FIRST = date(2024, 1, 1)


def mondays(number: int, first: date = FIRST) -> list[date]:
    """First days of weeks."""
    return [first + week * WEEK for week in range(number)]


def quiet(weeks: int, device: str = "ACME X", studies: int = 60, seed: int = 0, share: float = 0.2) -> list[Sums]:
    """Studies of one device, all weeks alike but for chance: distances, abstentions, and one finding called."""
    rng = np.random.default_rng(seed)
    found = []
    for week in mondays(weeks):
        number = int(rng.poisson(studies))
        far, called = rng.gamma(8, 0.06, number), rng.random(number) < share
        found.append(Sums(week, device, Watched.DISTANCE, "", cell(far)))
        found.append(Sums(week, device, Watched.ABSTAINED, "", cell(rng.random(number) < 0.02)))
        found.append(Sums(week, device, Watched.CALLED, "edema", cell(called)))
    return found


def fill(
    current: Session, made_with: MadeWith, weeks: Sequence[date], changes_at: date, a_week: int = 40,
    new_at: date = date.max,
) -> None:  # fmt: skip
    """File studies of two machines with a draft each; films of the second lie farther off from a week on.

    From the week `new_at` on a fourth of the studies is of a third machine.

    Every draft is judged without an error, every fifth has the finding edema, in draft and report.
    """
    rng = np.random.default_rng(5)
    current.add(PatientRow(id=1, issuer="", mrn="P1", sex="F"))
    run_id = begin_run(current, ["generate"], "host", {})
    days = [week + timedelta(days=number % 5) for week in weeks for number in range(a_week)]
    rows: dict[type, list[dict[str, Any]]] = {}
    for key, day in enumerate(days, 1):
        second = key % 2 == 0
        far = float(rng.gamma(8, 0.08 if second and day >= changes_at else 0.06))
        model = "Z" if key % 4 == 1 and day >= new_at else "Y" if second else "X"
        for table, row in _rows(key, day, model, far, run_id, made_with):
            rows.setdefault(table, []).append(row)
    for table, made in rows.items():
        current.execute(insert(table), made)


def _rows(
    key: int, day: date, model: str, far: float, run_id: int, made_with: MadeWith
) -> Iterator[tuple[type, dict[str, Any]]]:
    at, told = datetime.combine(day, time(9)), key % 5 == 0
    texts = {name: "" for name in ("accession", "description", "institution", "sex")}
    yield StudyRow, {"id": key, "uid": f"1.{key}", "patient_id": 1, "studied_at": at, "time_known": True, **texts}
    film = {"size": 1, "mtime_ns": 1, "height": 9, "width": 9, "transfer_syntax": "1", "usable": True, "view": View.PA}
    tags = {"manufacturer": "ACME", "model": model, "origin": Origin.ORIGINAL, "view_source": "tags"}
    yield ImageRow, {"sop_uid": f"1.{key}.1", "study_id": key, "path": f"/{key}", **film, **tags}
    made = {"weights_sha256": made_with.weights_sha256, "calibration_sha256": made_with.calibration_sha256 or None}
    words = {
        name: "" for name in ("findings", "impression", "comparison", "prior_reason", "index_version", "abstained")
    }
    state = {"status": DraftStatus.PRELIMINARY, "shadow": False, "distance": far, "run_id": run_id}
    fixed = {"preprocess_version": 1, "decoding": {}, "flags": [], "inputs_sha256": "", "created_at": datetime.now(UTC)}
    yield DraftRow, {"id": key, "study_id": key, **made, **words, **state, **fixed}
    seen = State.POSITIVE if told else State.BLANK
    score = {"probability": 0.7 if told else 0.1, "raw_score": 0.5, "withheld": ""}
    yield FindingRow, {"draft_id": key, "finding": "edema", "state": seen, **score}
    now = {"computed_at": datetime.now(UTC)}
    yield JudgementRow, {"draft_id": key, "errors": 0, "edits": 0.1, "key_sha256": "", **now}
    if told:
        same = {"drafted": seen, "signed": seen, "verdict": "correct", "dimension": "", "tier": "urgent"}
        yield AgreementRow, {"draft_id": key, "finding": "edema", "name": "", **same, **now}
