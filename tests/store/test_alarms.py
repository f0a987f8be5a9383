"""Alarms of drift: raised, acknowledged, told anew where they get worse, ended; all of it in the audit."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, select

from cxrreport.drafts import MadeWith
from cxrreport.errors import UsageError
from cxrreport.store import alarms
from cxrreport.store.alarms import Alarm, Seen
from cxrreport.store.engine import session
from cxrreport.store.schema import AuditRow

MADE = MadeWith("w" * 64, "")
SUBJECT = ("ACME X", "called", "edema")
WEEK = date(2024, 5, 6)


def turn(engine: Engine, made_with: MadeWith = MADE, **seen: float | str) -> list[Alarm]:
    """Have the chart of edema stand like this, or within its limits; returns the alarms that stand."""
    facts = {"level": "alarm", "since": WEEK, "value": 0.2, "usual": 0.1, "score": 5.0}
    with session(engine) as current:
        alarms.turn_alarms(current, made_with, {SUBJECT: Seen(**(facts | seen))} if seen else {}, WEEK)
        return alarms.list_alarms(current)


def acknowledge(engine: Engine, alarm_id: int) -> None:
    """Somebody has looked."""
    with session(engine) as current:
        alarms.acknowledge(current, alarm_id, "dr", "a new tube")


def audited(engine: Engine) -> list[tuple[str, str]]:
    """Who did what."""
    with session(engine) as current:
        return [(row.actor, row.action) for row in current.scalars(select(AuditRow).order_by(AuditRow.id))]


def test_an_alarm_stands_until_its_chart_is_back(engine: Engine) -> None:
    (first,) = turn(engine, score=5.0)
    (same,) = turn(engine, score=4.0)
    assert first.rings and same.id == first.id and same.score == 4.0
    assert first.sentence == (
        "The share of drafts with edema is above that of the reference period since the week of 2024-05-06,"
        " ACME X: 0.2 for 0.1."
    )
    assert turn(engine) == []
    with session(engine) as current:
        (ended,) = alarms.list_alarms(current, ended=True)
    assert ended.until == WEEK and not ended.rings
    assert audited(engine) == [("cxrreport", "alarm begins"), ("cxrreport", "alarm ends")]


def test_what_was_acknowledged_rings_again_only_where_it_is_twice_as_far(engine: Engine) -> None:
    (one,) = turn(engine, score=-5.0)
    acknowledge(engine, one.id)
    (quiet,) = turn(engine, score=-9.9)
    assert not quiet.rings and (quiet.acknowledged_by, quiet.acknowledged_why) == ("dr", "a new tube")
    (again,) = turn(engine, score=-10.0)
    assert again.rings and again.acknowledged_by is None
    assert [action for _, action in audited(engine)] == ["alarm begins", "alarm acknowledged", "alarm worsens"]


def test_a_watch_does_not_ring_and_what_becomes_an_alarm_is_told_anew(engine: Engine) -> None:
    (watched,) = turn(engine, level="watch", score=4.0)
    assert not watched.rings
    acknowledge(engine, watched.id)
    (risen,) = turn(engine, level="alarm", score=5.0)
    assert risen.rings and risen.id == watched.id
    (falls,) = turn(engine, level="watch", score=4.0)
    assert falls.level == "alarm"  # it ends where the chart is back, and is no less before


def test_other_weights_end_what_stood_and_begin_their_own(engine: Engine) -> None:
    (before,) = turn(engine, score=5.0)
    (after,) = turn(engine, MadeWith("v" * 64, ""), score=5.0)
    assert after.id != before.id


def test_only_what_stands_can_be_acknowledged(engine: Engine) -> None:
    (one,) = turn(engine, score=5.0)
    turn(engine)
    for alarm_id in (one.id, 999):
        with pytest.raises(UsageError) as caught:
            acknowledge(engine, alarm_id)
        assert caught.value.code == "alarm.unknown"
