from datetime import datetime

import pytest

from cxrreport.demo.plan import UNSEEN, Plan

PLAN = Plan(datetime(2026, 5, 4, 9), 6, 16)


def test_the_same_arguments_plan_the_same_visits():
    again = Plan(datetime(2026, 5, 4, 9), 6, 16)
    assert PLAN.visits == again.visits != Plan(datetime(2026, 5, 4, 9), 6, 16, seed=8).visits


def test_six_months_end_on_the_day_and_change_with_the_fourth():
    assert len(PLAN.weeks) == 26 and PLAN.weeks[-1] == PLAN.ends
    assert (PLAN.changes_at - PLAN.begins).days == 91
    assert all(visit.changed is (visit.at >= PLAN.changes_at) for visit in PLAN.visits)


def test_patients_come_back_and_what_they_had_is_known():
    last, returned = {}, 0
    for visit in PLAN.visits:
        before = last.get(visit.identity.patient_id)
        assert visit.prior == (before.lesions if before else None)
        assert before is None or (before.at < visit.at and before.seed == visit.seed)
        returned += before is not None
        last[visit.identity.patient_id] = visit
    assert 0.3 < returned / len(PLAN.visits) < 0.6


def test_reports_are_signed_days_later_and_some_never():
    late = sorted((visit.signed_at - visit.at).total_seconds() for visit in PLAN.visits if visit.signed_at)
    assert late[0] >= 43_000 and late[len(late) // 2] > 86_400 and late[-1] > 7 * 86_400
    assert 0 < sum(visit.signed_at is None for visit in PLAN.visits) < len(PLAN.visits) // 8


def test_no_film_shows_what_only_the_reports_tell():
    told = [visit for visit in PLAN.visits if UNSEEN in {one.finding for one in visit.lesions}]
    assert len(told) > 60
    assert not any(one.finding == UNSEEN for visit in told for one in visit.drawn)


@pytest.mark.parametrize("wrong", [{"months": 1}, {"weekly": 0}])
def test_a_plan_that_shows_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="two months"):
        Plan(datetime(2026, 5, 4), **wrong)


def test_the_older_films_lie_further_back_than_gates_look():
    assert len(PLAN.older_visits) == 230 and sum(visit.signed_at is not None for visit in PLAN.older_visits) >= 200
    last = max(visit.signed_at or visit.at for visit in PLAN.older_visits)
    assert (PLAN.begins - last).days > 365
    both = [*PLAN.older_visits, *PLAN.visits]
    assert len({visit.accession for visit in both}) == len({visit.uid for visit in both}) == len(both)
