"""Curves as points of a picture."""

from __future__ import annotations

from cxrreport.export.html.charts import HEIGHT, SIDE, WIDTH, course, path, reliability_curve

HALF = {"value": 0.5, "low": 0.25, "high": 1.0}


def test_a_bin_lies_where_it_was_said_and_true() -> None:
    (point,) = reliability_curve([{"said": 0.2, "studies": 40, "true": HALF}])
    assert (point.x, point.y, point.low, point.high) == (0.2 * SIDE, 0.5 * SIDE, 0.75 * SIDE, 0)
    assert point.words == "said 0.20, true in 0.50 of 40 studies"


def test_months_stand_in_order_and_one_without_a_value_leaves_a_gap() -> None:
    rows = [{"group": f"2024-0{month}", "studies": 30} for month in (1, 2, 3)]
    made = course(rows, [HALF, None, HALF])
    assert [point.x for point in made.points] == [WIDTH / 6, 5 * WIDTH / 6]
    assert (made.top, made.names) == (1.0, ("2024-01", "2024-03"))
    assert made.points[0].y == HEIGHT / 2 and path(made.points) == "50.0,50.0 250.0,50.0"


def test_a_course_of_nothing_is_drawn() -> None:
    assert course([], []).points == [] and course([], []).top == 1.0
