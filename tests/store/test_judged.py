"""Judged drafts come back with all that they can be grouped by, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders.store import begin_run, scan_study
from sqlalchemy import Engine, update

from cxrreport.drafts import Draft, Finding, Provenance
from cxrreport.errors import UsageError
from cxrreport.findings import Change, State, Tier
from cxrreport.mistakes import Dimension, Mistake, Verdict
from cxrreport.store import drafts
from cxrreport.store.agreement import Compared, Judgement, Pending, judged_beside, save_judgement
from cxrreport.store.engine import session
from cxrreport.store.judged import Judged, counted, judged_drafts, judged_pages, record
from cxrreport.store.outcomes import JudgementRow
from cxrreport.store.schema import DraftRow, ImageRow
from cxrreport.trust.tally import Cells, count_row, tally

WEIGHTS = "w" * 64
ROWS = (
    Finding("edema", State.POSITIVE, 0.9, change=Change.NEW),
    Finding("fracture", State.POSITIVE, 0.7, withheld="state"),
    Finding("cardiomegaly", State.NEGATIVE, 0.2, withheld="change"),
)
DRAFT = Draft(
    1, None, "prior.none", "Edema.", "Edema.", "", ROWS, (), (), (), Provenance(WEIGHTS, 1, "x", "i"), shadow=True
)
MISSED = Mistake("pneumothorax", "", Verdict.MISSED, Dimension.STATE, Tier.CRITICAL)
JUDGED = Judgement(1, 0.25, [Compared(MISSED, State.BLANK, State.POSITIVE, None, Change.NEW)])


@pytest.fixture
def draft(engine: Engine) -> int:
    """A judged draft in shadow."""
    study = scan_study(engine).id
    with session(engine) as s:
        (made,) = drafts.save_drafts(s, begin_run(engine), [replace(DRAFT, study_id=study)])
        s.execute(update(ImageRow).values(view="pa", manufacturer="ACME", model="X", station="R1"))
        save_judgement(s, Pending(made, None, None, "key"), JUDGED)
    return int(made)


def ask(engine: Engine, weights: str = WEIGHTS, *days: datetime | None) -> list[Judged]:
    with session(engine, read_only=True) as s:
        return judged_drafts(s, weights, *(days or (None, None)), 0, 10)


def test_a_judged_draft_comes_with_what_it_can_be_grouped_by(engine: Engine, draft: int) -> None:
    (one,) = ask(engine)
    assert (one.draft_id, one.errors, one.edits, one.shadow, one.abstained) == (draft, 1, 0.25, True, "")
    assert (one.view, one.device, one.reader, one.review) == ("pa", "ACME X R1", "", None)
    assert one.probabilities == {"edema": 0.9, "fracture": 0.7, "cardiomegaly": 0.2}
    assert one.withheld == {"fracture"}
    assert [row.mistake for row in one.findings] == [MISSED] and one.findings[0].signed_change is Change.NEW


def test_only_drafts_of_the_weights_and_of_the_days_come(engine: Engine, draft: int) -> None:
    (one,) = ask(engine)
    second = timedelta(seconds=1)
    assert ask(engine, "v" * 64) == []
    assert ask(engine, WEIGHTS, one.at, one.at + second) == [one]
    assert ask(engine, WEIGHTS, None, one.at) == [] == ask(engine, WEIGHTS, one.at + second, None)


def test_judged_drafts_are_counted_whatever_they_tell(engine: Engine, draft: int) -> None:
    (one,) = ask(engine)
    day = timedelta(days=1)
    with session(engine) as s:
        assert record(s, WEIGHTS, None, one.at, one.at + day) == (1, 1)
        assert record(s, WEIGHTS, None, one.at + day, one.at + 2 * day) == (0, 0)
        assert record(s, WEIGHTS, "c", one.at, one.at + day) == record(s, "v", None, one.at, one.at + day) == (1, 0)
        s.execute(update(DraftRow).values(abstained="abstain.unusual"))
        assert record(s, WEIGHTS, None, one.at, one.at + day) == (1, 0)
        s.execute(update(JudgementRow).values(errors=None))
        assert record(s, WEIGHTS, None, one.at, one.at + day) == (0, 0)


def test_the_counts_of_the_database_are_those_of_the_drafts_one_by_one(engine: Engine, draft: int) -> None:
    with session(engine) as s:
        s.execute(update(DraftRow).values(prior_study_id=DraftRow.study_id))
    (one,) = ask(engine)
    whole, by_row = tally([one]), tally(())
    with session(engine) as s:
        for asked, recent in ((one.at, 1), (one.at + timedelta(days=1), 0)):
            (found,) = counted(s, WEIGHTS, None, one.at, asked, one.at + timedelta(days=1))
            assert (found.finding, found.studies, found.recent) == ("pneumothorax", 1, recent)
        count_row(by_row, found.finding, found, found.has_prior, found.studies)
        assert by_row["pneumothorax", "state"] == whole["pneumothorax", "state"] == Cells(signed=1)
        assert by_row["pneumothorax", "change"] == whole["pneumothorax", "change"] == Cells(signed=1)
        for calibration, since in (("c", one.at), (None, one.at + timedelta(days=1))):
            assert counted(s, WEIGHTS, calibration, since, since, since + timedelta(days=9)) == []
        s.execute(update(DraftRow).values(abstained="abstain.doubt"))
        assert counted(s, WEIGHTS, None, one.at, one.at, one.at + timedelta(days=1)) == []


def test_without_a_report_or_a_verdict_nothing_is_beside(engine: Engine, draft: int) -> None:
    with session(engine, read_only=True) as s:
        assert judged_beside(s, draft) is None and judged_beside(s, draft + 1) is None


def test_all_pages_of_some_days_come(engine: Engine, draft: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxrreport.store.judged._PAGE", 1)
    second = scan_study(engine, "second").id
    with session(engine) as s:
        (other,) = drafts.save_drafts(s, begin_run(engine), [replace(DRAFT, study_id=second)])
        s.execute(update(ImageRow).where(ImageRow.study_id == second).values(view="lateral", manufacturer="ACME"))
        save_judgement(s, Pending(other, None, None, "key"), JUDGED)
    pages = list(judged_pages(engine, WEIGHTS, None, None))
    assert [(one.draft_id, one.view, one.device) for (one,) in pages] == [(draft, "pa", "ACME X R1"), (other, "", "")]
    (day,) = {one.at.date() for (one,) in pages}
    assert list(judged_pages(engine, WEIGHTS, day, day)) == pages
    assert not list(judged_pages(engine, WEIGHTS, day + timedelta(days=1), None))
    with pytest.raises(UsageError):
        list(judged_pages(engine, WEIGHTS, day, day - timedelta(days=1)))
