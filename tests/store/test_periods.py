"""Reference periods: one of each series of drafts, and of each device that is new since then."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Engine, select

from cxrreport.drafts import MadeWith
from cxrreport.store.engine import session
from cxrreport.store.periods import keep_reference, own_periods, reference_period
from cxrreport.store.schema import AuditRow

MADE = MadeWith("w" * 64, None)
WEEK = date(2024, 5, 6)
FIRST, LONGER = (WEEK, WEEK + timedelta(days=6)), (WEEK - timedelta(days=7), WEEK + timedelta(days=6))


def test_a_reference_period_is_of_one_series_of_drafts(engine: Engine) -> None:
    with session(engine) as current:
        keep_reference(current, MADE, FIRST, "dr", "first")
        keep_reference(current, MADE, LONGER, "dr", "longer")
        assert reference_period(current, MADE) == LONGER and own_periods(current, MADE) == {}
        assert reference_period(current, MadeWith(MADE.weights_sha256, "c" * 64)) is None
        rows = current.scalars(select(AuditRow).order_by(AuditRow.id)).all()
    assert [(row.actor, row.action, row.detail["reason"]) for row in rows] == [
        ("dr", "reference period", "first"), ("dr", "reference period", "longer"),
    ]  # fmt: skip


def test_a_device_has_one_beside_it_until_that_of_all_is_another(engine: Engine) -> None:
    others = MadeWith("v" * 64, None)
    with session(engine) as current:
        keep_reference(current, MADE, FIRST, "dr", "first")
        for series in (MADE, others):
            keep_reference(current, series, LONGER, "cxrreport", "new", "ACME Z")
        assert reference_period(current, MADE) == FIRST and own_periods(current, MADE) == {"ACME Z": LONGER}
        assert current.scalars(select(AuditRow).order_by(AuditRow.id.desc())).first().detail["device"] == "ACME Z"
        keep_reference(current, MADE, LONGER, "dr", "longer")
        assert own_periods(current, MADE) == {} and own_periods(current, others) == {"ACME Z": LONGER}
