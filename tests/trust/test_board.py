"""The board: which groups have charts, and what rings."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
from builders.drift import cell, mondays, quiet
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafts import Watched
from cxrreport.store.weeks import Cell, Sums
from cxrreport.trust.board import draw
from cxrreport.trust.periods import ALL, Own, first_weeks, named
from cxrreport.trust.policy import default_policy
from cxrreport.trust.pooling import OTHERS

POLICY = default_policy().drift
WEEKS = mondays(30)
DISTANCE = (ALL, Watched.DISTANCE, "")
SUMS = [*quiet(30), *quiet(30, "ACME Y", seed=1)]


def drawn(sums, reference=8, policy=POLICY):
    """A board of these sums, the first weeks its reference; a new device comes to one of its own."""
    first = WEEKS[reference]
    usual, recent = [s for s in sums if s.week < first], [s for s in sums if s.week >= first]
    periods = first_weeks(recent, named(usual, 1), policy)
    own = {d: Own(p, [s for s in recent if s.device == d and s.week <= p[1]]) for d, p in periods.items()}
    return draw(usual, recent, WEEKS[reference:], policy, own)


def level(board, subject):
    """Level of one chart now."""
    (chart,) = [chart for chart in board.charts if chart.subject == subject]
    return board.level(chart.now)


def test_a_quiet_half_year_rings_nowhere():
    sums = [*quiet(30), *quiet(30, "ACME Y", seed=1), *quiet(30, "ACME Z", studies=3, seed=2)]
    board = drawn(sums)
    assert {chart.subject[0] for chart in board.charts} == {ALL, "ACME X", "ACME Y"}  # Z has too few, alone as others
    assert not any(board.level(point) == "alarm" for chart in board.charts for point in chart.points)


def test_a_device_that_calls_itself_all_devices_has_no_chart_of_its_own():
    named = [*quiet(30), *quiet(30, "ACME Y", seed=1), *quiet(30, ALL, seed=2), *quiet(30, OTHERS, seed=3)]
    plain = [*named[: -2 * len(quiet(30))], *quiet(30, "", seed=2), *quiet(30, "", seed=3)]
    assert drawn(named).charts == drawn(plain).charts


def test_devices_with_few_studies_are_pooled_and_never_named():
    small = [quiet(30, f"SMALL {number}", studies=8, seed=number) for number in range(5)]
    board = drawn([*quiet(30), *quiet(30, "ACME Y", seed=9), *(one for device in small for one in device)])
    assert {chart.subject[0] for chart in board.charts} == {ALL, OTHERS, "ACME X", "ACME Y"}
    alone = drawn([*quiet(30), *(one for device in small for one in device)])
    assert {chart.subject[0] for chart in alone.charts} == {ALL}


def test_a_machine_that_changes_rings_at_its_own_chart():
    changed = [
        replace(one, cell=cell(np.random.default_rng(3).gamma(8, 0.075, one.cell.studies)))
        if one.statistic == Watched.DISTANCE and one.week >= WEEKS[16]
        else one
        for one in quiet(30)
    ]
    board = drawn([*changed, *quiet(30, "ACME Y", studies=150, seed=1)])
    assert level(board, ("ACME X", *DISTANCE[1:])) == "alarm"
    assert level(board, ("ACME Y", *DISTANCE[1:])) == ""


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_the_order_of_rows_does_not_matter(seed: int):
    mixed = random.Random(seed).sample(SUMS, len(SUMS))
    scores = [[round(p.score, 6) for c in drawn(s).charts for p in c.points] for s in (SUMS, mixed)]
    assert scores[0] == scores[1]


def test_what_nothing_is_expected_of_has_no_chart():
    never = [Sums(week, "ACME X", Watched.OBSERVED, "fracture", Cell(40, 0.0, 0.0, 0.0)) for week in WEEKS]
    assert Watched.OBSERVED not in {chart.subject[1] for chart in drawn([*quiet(30), *never]).charts}


def test_a_late_report_moves_the_charts_of_judged_drafts_alone():
    judged = [Sums(week, "ACME X", Watched.ERRORS, "", Cell(40, 40, 12, 14)) for week in WEEKS]
    before = drawn([*quiet(30), *judged])
    after = drawn([*quiet(30), *judged, Sums(WEEKS[-1], "ACME X", Watched.ERRORS, "", Cell(1, 1, 3, 9))])
    moved = {a.subject[1] for a, b in zip(before.charts, after.charts, strict=True) if a.points != b.points}
    assert moved == {Watched.ERRORS}


NEWCOMER = "ACME NEW"


def newcomer(begins: int, studies: int = 30, far: float = 0.09):
    """A device that comes into use later, with films that lie farther off than those of the others."""
    rng = np.random.default_rng(7)
    made = quiet(30, NEWCOMER, studies=studies, seed=5)
    return [
        replace(one, cell=cell(rng.gamma(8, far, one.cell.studies))) if one.statistic == Watched.DISTANCE else one
        for one in made
        if one.week >= WEEKS[begins]
    ]


def test_a_new_device_is_held_beside_its_own_first_weeks():
    board = drawn([*SUMS, *newcomer(12)])
    (chart,) = [chart for chart in board.charts if chart.subject == (NEWCOMER, *DISTANCE[1:])]
    assert chart.period == (WEEKS[12], WEEKS[19] + timedelta(days=6))
    watched = dict(zip(board.weeks, chart.points, strict=True))
    assert {week for week, point in watched.items() if point} == set(WEEKS[20:])
    assert not any(map(board.level, chart.points)) and chart.reference.mean > 0.6
    assert {chart.subject[0] for chart in board.charts if not chart.period} == {ALL, "ACME X", "ACME Y"}


def test_charts_of_before_stand_where_they_stood_but_for_limits_that_widen():
    sums = [*SUMS, *quiet(30, "SMALL", studies=8, seed=4), *quiet(30, "TINY", studies=9, seed=6)]
    without, beside = drawn(sums, policy=POLICY.model_copy(update={"weeks": 20})), drawn([*sums, *newcomer(12)])
    of = {chart.subject: chart for chart in beside.charts}
    same = [chart for chart in without.charts if chart.subject[0] in ("ACME X", "ACME Y")]
    assert same and all(of[chart.subject].points == chart.points for chart in same)
    assert beside.limits > without.limits


def test_a_new_device_with_too_few_weeks_or_studies_has_no_chart_and_no_name():
    for few in (newcomer(23), newcomer(12, studies=4)):
        assert NEWCOMER not in {chart.subject[0] for chart in drawn([*SUMS, *few]).charts}


def test_a_new_device_that_changes_rings_at_its_own_chart():
    changed = [one for one in newcomer(10) if one.week < WEEKS[20]]
    changed += [one for one in newcomer(10, far=0.13) if one.week >= WEEKS[20]]
    board = drawn([*SUMS, *changed])
    assert level(board, (NEWCOMER, *DISTANCE[1:])) == "alarm" and level(board, ("ACME X", *DISTANCE[1:])) == ""


def test_beside_the_one_device_of_before_a_new_one_alone_gets_a_chart():
    board = drawn([*quiet(30), *newcomer(12)])
    assert {chart.subject[0] for chart in board.charts} == {ALL, NEWCOMER}
