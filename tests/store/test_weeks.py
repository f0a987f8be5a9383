"""Weekly sums: which drafts count in which week of which device, and what is summed."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from builders.store import begin_run, save_draft, scan_study
from sqlalchemy import Engine, insert, update

from cxrreport.drafts import MadeWith, Watched
from cxrreport.findings import State
from cxrreport.records import View
from cxrreport.store.engine import session
from cxrreport.store.outcomes import AgreementRow, JudgementRow
from cxrreport.store.schema import DraftRow, FindingRow
from cxrreport.store.weeks import Cell, drafts_by_week, sums_by_week

MADE = MadeWith("w" * 64, "")
MONDAY = date(2024, 5, 6)
NEXT = date(2024, 5, 13)
DAYS = {
    "1": datetime(2024, 5, 6),
    "2": datetime(2024, 5, 12, 23, 59),
    "3": datetime(2024, 5, 13),
    "4": datetime(2024, 5, 5),
}
NOW = {"computed_at": datetime.now().astimezone()}


@pytest.fixture
def filed(engine: Engine) -> Engine:
    """Four studies from a Sunday to the Monday after the next, each with a draft; the first three of one device."""
    run_id = begin_run(engine)
    for study, at in DAYS.items():
        device = {"manufacturer": "ACME", "model": "X", "station": "1" if study != "4" else "2"}
        found = scan_study(engine, study, view=View.PA, studied_at=at, **device)
        save_draft(engine, run_id, found.id)
    return engine


def test_a_week_is_from_monday_to_sunday(filed: Engine) -> None:
    with session(filed) as current:
        assert drafts_by_week(current, MADE, MONDAY, date(2024, 5, 20)) == {MONDAY: 2, NEXT: 1}
        assert drafts_by_week(current, MADE, date(2024, 4, 29), MONDAY) == {date(2024, 4, 29): 1}
        found = [*sums_by_week(current, MADE, date(2024, 4, 29), date(2024, 5, 20))]
    drafts = {(one.week, one.device): one.cell.studies for one in found if one.statistic == Watched.ABSTAINED}
    assert drafts == {(date(2024, 4, 29), "ACME X 2"): 1, (MONDAY, "ACME X 1"): 2, (NEXT, "ACME X 1"): 1}


def test_drafts_of_other_weights_or_another_calibration_are_of_another_series(filed: Engine) -> None:
    with session(filed) as current:
        current.execute(update(DraftRow).where(DraftRow.id == 1).values(calibration_sha256="c" * 64))
        current.execute(update(DraftRow).where(DraftRow.id == 2).values(shadow=True))
        assert drafts_by_week(current, MADE, MONDAY, NEXT) == {MONDAY: 1}  # the one in shadow
        assert drafts_by_week(current, MadeWith("w" * 64, "c" * 64), MONDAY, NEXT) == {MONDAY: 1}
        assert drafts_by_week(current, MadeWith("v" * 64, ""), MONDAY, NEXT) == {}


def test_each_statistic_is_summed(filed: Engine) -> None:
    with session(filed) as current:
        current.execute(update(DraftRow).where(DraftRow.id == 1).values(distance=0.5))
        for draft, likely, state in ((1, 0.75, State.POSITIVE), (2, 0.25, State.BLANK)):
            score = {"probability": likely, "raw_score": likely, "withheld": "state"}
            current.execute(insert(FindingRow).values(draft_id=draft, finding="edema", state=state, **score))
            judged = {"errors": 2, "edits": 0.5, "key_sha256": "", **NOW}
            current.execute(insert(JudgementRow).values(draft_id=draft, **judged))
        told = {"finding": "edema", "name": "", "verdict": "missed", "dimension": "state", "tier": "urgent"}
        states = {"drafted": State.BLANK, "signed": State.POSITIVE}
        current.execute(insert(AgreementRow).values(draft_id=2, **told, **states, **NOW))
        found = {one.statistic: one.cell for one in sums_by_week(current, MADE, MONDAY, NEXT)}
        current.execute(update(AgreementRow).values(signed=State.UNCERTAIN))
        doubted = {one.statistic: one.cell for one in sums_by_week(current, MADE, MONDAY, NEXT)}
    assert found == {
        Watched.DISTANCE: Cell(1, 1, 0.5, 0.25),
        Watched.ABSTAINED: Cell(2, 2, 0, 0),
        Watched.ERRORS: Cell(2, 2, 4, 8),
        Watched.EDITS: Cell(2, 2, 1, 0.5),
        Watched.CALLED: Cell(2, 2, 1, 1),
        Watched.PROBABILITY: Cell(2, 2, 1, 0.625),
        Watched.OBSERVED: Cell(2, 1, 1, 0.625),
    }
    assert doubted[Watched.OBSERVED] == Cell(1, 0.75, 0, 0.5625)  # of a report in doubt nothing is expected
