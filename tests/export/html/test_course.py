"""The course of the findings: the latest studies, and only findings that were ever there or in doubt."""

from __future__ import annotations

from datetime import datetime, timedelta

from cxrreport.export.html.course import course
from cxrreport.findings import State
from cxrreport.store.trajectory import Moment


def moment(number: int, **states: State) -> Moment:
    day = datetime(2024, 1, 1) + timedelta(days=number)
    return Moment(number, f"A{number}", day, "draft", {name.replace("_", " "): state for name, state in states.items()})


def test_what_was_never_there_has_no_row_and_the_most_urgent_comes_first() -> None:
    first = moment(1, pneumothorax=State.NEGATIVE, lung_lesion=State.POSITIVE, edema=State.NEGATIVE)
    shown = course([first, moment(2, pneumothorax=State.UNCERTAIN)], 2)
    assert [(name, [sign for sign, _ in cells]) for _, name, cells in shown.rows] == [
        ("pneumothorax", ["○", "◐"]),
        ("lung lesion", ["●", "·"]),
    ]
    assert (shown.current, shown.earlier) == (1, 0)


def test_of_many_studies_the_latest_are_shown_and_the_others_counted() -> None:
    shown = course([moment(number, edema=State.POSITIVE) for number in range(30)], 3)
    assert [one.study_id for one in shown.moments] == list(range(18, 30))
    assert shown.earlier == 18 and shown.current is None
