"""What was judged goes with its draft and its report, and is judged again where a verdict comes meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders.store import add_reports, begin_run, make_report, report_rows, save_draft, scan_study
from sqlalchemy import Engine, event, func, select, update

from cxrreport.drafts import Review, ReviewStatus
from cxrreport.findings import State, Tier
from cxrreport.mistakes import Dimension, Mistake, Verdict
from cxrreport.records import ReportStatus
from cxrreport.store.agreement import Compared, Judgement, Pending, beside, forget_judgement, pending, save_judgement
from cxrreport.store.engine import session
from cxrreport.store.forgetting import erase, rows_of_patient
from cxrreport.store.judged import judged_drafts
from cxrreport.store.outcomes import AgreementRow, JudgementRow
from cxrreport.store.pruning import outdated
from cxrreport.store.reviews import add_review
from cxrreport.store.schema import DraftRow, ReportRow
from cxrreport.store.scores import count_judged, judged_scores

MISSED = Compared(Mistake("edema", "", Verdict.MISSED, Dimension.STATE, Tier.URGENT), State.BLANK, State.POSITIVE)
JUDGED = Judgement(1, 0.5, [MISSED])
TABLES = (JudgementRow, AgreementRow)


@pytest.fixture
def drafted(engine: Engine) -> int:
    """A study of patient P1 with a signed report and a draft; its id."""
    study = scan_study(engine)
    add_reports(engine, make_report("r1", accession="A1", patient_id="P1"))
    save_draft(engine, begin_run(engine), study.id)
    return study.id


def look(engine: Engine) -> list[Pending]:
    """What is to be judged."""
    with session(engine, read_only=True) as s:
        return pending(s, "rules", 0, 100, 10)[1]


def judge(engine: Engine, one: Pending) -> None:
    with session(engine) as s:
        save_judgement(s, one, JUDGED)


def count(engine: Engine) -> list[int]:
    with session(engine, read_only=True) as s:
        return [s.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def test_a_verdict_that_comes_while_a_draft_is_judged_has_it_judged_again(engine: Engine, drafted: int) -> None:
    (one,) = look(engine)
    with session(engine) as s:
        add_review(s, one.draft_id, Review(ReviewStatus.REJECTED, "reader", datetime(2024, 5, 7, tzinfo=UTC)))
    judge(engine, one)
    (again,) = look(engine)
    assert again.key != one.key
    judge(engine, again)
    assert look(engine) == [] and count(engine) == [1, 1]


def test_a_correction_that_comes_meanwhile_and_other_rules_have_it_judged_again(engine: Engine, drafted: int) -> None:
    (one,) = look(engine)
    later = datetime(2024, 5, 6, 15)
    add_reports(engine, make_report("r2", accession="A1", patient_id="P1", findings="No edema.", reported_at=later))
    judge(engine, one)
    (again,) = look(engine)
    assert again.key != one.key
    judge(engine, again)
    with session(engine, read_only=True) as s:
        assert len(pending(s, "other rules", 0, 100, 10)[1]) == 1 and pending(s, "rules", 0, 100, 10)[1] == []


def test_a_judgement_beside_what_is_withdrawn_since_is_looked_at_again(engine: Engine, drafted: int) -> None:
    (one,) = look(engine)
    judge(engine, one)
    with session(engine) as s:
        s.execute(update(ReportRow).values(status=ReportStatus.WITHDRAWN))
    (again,) = look(engine)
    assert again.report_id is None
    with session(engine) as s:
        assert [*beside(s, [again])] == [(again, None)]
        save_judgement(s, again, None)
    assert look(engine) == [] and count(engine) == [1, 0]


@pytest.mark.parametrize("verdict", [ReviewStatus.REJECTED, ReviewStatus.ACCEPTED])
def test_a_verdict_without_a_text_is_no_truth(engine: Engine, verdict: ReviewStatus) -> None:
    study = scan_study(engine)
    save_draft(engine, begin_run(engine), study.id)
    with session(engine) as s:
        add_review(s, 1, Review(verdict, "reader", datetime(2024, 5, 7, tzinfo=UTC)))
    assert look(engine) == []
    with session(engine) as s:
        add_review(s, 1, Review(ReviewStatus.EDITED, "reader", datetime(2024, 5, 8, tzinfo=UTC), "No edema."))
    (one,) = look(engine)
    with session(engine) as s:
        ((_, found),) = beside(s, [one])
    assert found and found.signed.text == "No edema."


def test_that_of_which_nothing_can_be_said_is_counted_nowhere(engine: Engine, drafted: int) -> None:
    (one,) = look(engine)
    with session(engine) as s:
        save_judgement(s, one, None)
        weights = s.scalar(select(DraftRow.weights_sha256)) or ""
        version = s.scalar(select(DraftRow.preprocess_version)) or 0
        assert judged_drafts(s, weights, None, None, 0, 10) == []
        assert judged_scores(s, weights, version, 0, 10) == [] and count_judged(s, weights, version) == 0
        save_judgement(s, one, JUDGED)
        assert len(judged_drafts(s, weights, None, None, 0, 10)) == count_judged(s, weights, version) == 1


def test_it_goes_with_the_patient(engine: Engine, drafted: int) -> None:
    (one,) = look(engine)
    judge(engine, one)
    with session(engine) as s:
        held = rows_of_patient(s, "P1")
        assert len(held["judgement"]) == len(held["agreement"]) == 1
        erase(s, held)
    assert count(engine) == [0, 0]


def test_it_is_pruned_with_its_draft_and_keeps_none(engine: Engine, drafted: int) -> None:
    (one,) = look(engine)
    judge(engine, one)
    save_draft(engine, begin_run(engine), drafted, "newer")
    with session(engine, read_only=True) as s:
        found = outdated(s, datetime.now(UTC) + timedelta(days=1))
    assert found["draft"] == {one.draft_id} and len(found["judgement"]) == len(found["agreement"]) == 1


def test_a_draft_that_is_written_anew_is_judged_anew(engine: Engine, drafted: int) -> None:
    (one,) = look(engine)
    judge(engine, one)
    assert len(report_rows(engine)) == 1
    with session(engine) as s:
        forget_judgement(s, one.draft_id)
    assert look(engine) == [one] and count(engine) == [0, 0]


def asked(engine: Engine, these: list[Pending]) -> tuple[int, list[str]]:
    """How many statements it takes to read what drafts are judged beside, and the signed texts."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    with session(engine, read_only=True) as s:
        s.connection()
        event.listen(engine, "before_cursor_execute", note)
        found = [told.signed.text for _, told in beside(s, these) if told]
        event.remove(engine, "before_cursor_execute", note)
    return len(seen), found


def test_of_many_drafts_each_table_is_read_once(engine: Engine) -> None:
    for name in ("1", "2", "3"):
        study = scan_study(engine, name, accession=f"A{name}")
        add_reports(engine, make_report(f"r{name}", accession=f"A{name}", patient_id="P1", findings=f"Report {name}."))
        save_draft(engine, begin_run(engine), study.id)
    every = look(engine)
    one, all_ = asked(engine, every[:1]), asked(engine, every)
    assert [text[:8] for text in all_[1]] == ["Report 1", "Report 2", "Report 3"] and one[1] == all_[1][:1]
    assert asked(engine, []) == (0, []) and one[0] == all_[0] > 0
