"""The made-up years of the drift alarm: quiet where nothing changes, ringing where something does, the same every time."""

import numpy as np
import pytest

from benchmarks import drift
from cxrreport.trust.policy import default_policy

POLICY = default_policy().drift


@pytest.fixture(scope="module")
def quiet():
    return drift.quiet_years(1, POLICY)


def test_a_quiet_year_rings_far_less_than_charts_of_single_weeks(quiet):
    assert quiet["charts"] == 46 * (len(drift.DEVICES) + 1)
    assert quiet["alarms a year"] < quiet["Shewhart alarms a year"] / 10


def test_the_same_seeds_make_the_same_year(quiet):
    first, second = ([*drift.weeks_of(np.random.default_rng(3), 2)] for _ in range(2))
    assert first == second


def test_a_changed_machine_rings_after_the_change(monkeypatch):
    change = {"films lie 2 sd farther off": ({"distance": 2.0}, (drift.Watched.DISTANCE,))}
    monkeypatch.setattr(drift, "CHANGES", change)
    (row,) = drift.changes(1, POLICY)
    assert row["rang"] == 1.0 and 1 <= row["week"] <= 3


def test_a_new_device_is_quiet_beside_its_own_weeks_and_rings_where_it_changes(monkeypatch):
    monkeypatch.setattr(drift, "QUIET", 20)
    monkeypatch.setattr(drift, "NEW_A_WEEK", (90,))
    (row,) = drift.new_devices(1, 1, POLICY)
    assert (row["its alarms a year"], row["rang"]) == (0, 1.0) and 1 <= row["week"] <= 8


def test_an_alarm_begins_once_and_ends_within_the_lesser_limit():
    assert drift.begun(["", "watch", "alarm", "alarm", "", "alarm"], "alarm") == 2


def test_the_tables_are_printed(monkeypatch, capsys):
    monkeypatch.setattr(drift, "QUIET", 4)
    monkeypatch.setattr(drift, "CHANGES", {})
    for name in ("changes", "new_devices"):
        monkeypatch.setattr(drift, name, lambda *_: [{"change": "none", "week": None}])
    drift.main(["--years", "1", "--runs", "1"])
    assert "| none | - |" in capsys.readouterr().out
