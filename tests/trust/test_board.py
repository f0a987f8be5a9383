"""The board: which groups have charts, and what rings."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
from builders.drift import cell, mondays, quiet
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafts import Watched
from cxrreport.store.weeks import Cell, Sums
from cxrreport.trust.board import ALL, draw
from cxrreport.trust.policy import default_policy
from cxrreport.trust.pooling import OTHERS

POLICY = default_policy().drift
WEEKS = mondays(30)
DISTANCE = (ALL, Watched.DISTANCE, "")
SUMS = [*quiet(30), *quiet(30, "ACME Y", seed=1)]


def drawn(sums, reference=8):
    """A board of these sums, the first weeks its reference."""
    first = WEEKS[reference]
    usual, recent = [s for s in sums if s.week < first], [s for s in sums if s.week >= first]
    return draw(usual, recent, WEEKS[reference:], POLICY)


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
