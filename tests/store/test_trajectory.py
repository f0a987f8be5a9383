"""What became of a patient's findings: the signed report tells it, else the draft that stands."""

from __future__ import annotations

from datetime import datetime

import pytest
from builders.store import begin_run, scan
from sqlalchemy import Engine, update

from cxrreport.drafts import WITHHELD, Draft, DraftStatus, Finding, Provenance
from cxrreport.findings import State
from cxrreport.records import Report, ReportStatus
from cxrreport.store import drafts, reports
from cxrreport.store.engine import session
from cxrreport.store.schema import DraftRow
from cxrreport.store.trajectory import trajectory

DAYS = {1: datetime(2024, 3, 1), 2: datetime(2024, 1, 1), 3: datetime(2024, 2, 1), 4: datetime(2024, 4, 1)}
POSITIVE = {"edema": State.POSITIVE}


def draft(
    engine: Engine, run_id: int, study_id: int, state: State = State.NEGATIVE, shadow: bool = False, withheld: str = ""
) -> None:
    made = Provenance("w" * 64, 1, "x", "")
    rows = (Finding("edema", state, 0.5, withheld=withheld), Finding("fracture", state, 0.5))
    one = Draft(study_id, None, "", "F", "", "", rows, (), (), (), made, shadow=shadow)
    with session(engine) as s:
        drafts.save_drafts(s, run_id, [one])


def test_signed_reports_go_before_drafts_and_studies_by_date(engine: Engine) -> None:
    for number, day in DAYS.items():
        scan(engine, f"1.2.{number}", accession=f"A{number}", studied_at=day)
    scan(engine, "1.2.9", "P2", accession="A9")
    run_id = begin_run(engine)
    for number in (1, 2, 3):
        draft(engine, run_id, number)
    draft(engine, run_id, 4, shadow=True)
    draft(engine, run_id, 5)  # of another patient
    signed = Report("r.csv", "x", "A2", patient_id="P1", findings="Edema.", status=ReportStatus.FINAL)
    with session(engine) as s:
        reports.add_reports(s, [(signed, POSITIVE)])
        s.execute(update(DraftRow).where(DraftRow.study_id == 3).values(status=DraftStatus.REJECTED))
    with session(engine, read_only=True) as s:
        found = trajectory(s, 1)
    assert [(one.accession, one.source, one.states["edema"]) for one in found] == [
        ("A2", "report", State.POSITIVE),
        ("A1", "draft", State.NEGATIVE),
    ]


@pytest.mark.parametrize("withheld", WITHHELD)
def test_a_state_is_not_set_beside_others_where_that_would_tell_a_change_that_is_kept_back(
    engine: Engine, withheld: str
) -> None:
    for number in (1, 2):
        scan(engine, f"1.2.{number}", accession=f"A{number}", studied_at=DAYS[number])
    run_id = begin_run(engine)
    draft(engine, run_id, 2)
    draft(engine, run_id, 1, State.POSITIVE, withheld=withheld)
    with session(engine, read_only=True) as s:
        before, now = trajectory(s, 1)
    assert before.states == {"edema": State.NEGATIVE, "fracture": State.NEGATIVE}
    assert now.states == {"fracture": State.POSITIVE}
