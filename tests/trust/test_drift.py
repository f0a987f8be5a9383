"""Drift on a home, from end to end: a machine changes, the alarm rings, somebody looks at it."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from builders.drift import fill, mondays
from builders.plans import whole_reads
from builders.tool import Tool

from cxrreport.drafts import MadeWith
from cxrreport.model.manifest import read_manifest, weights_sha256
from cxrreport.store import alarms
from cxrreport.store import engine as store
from cxrreport.store.alarms import Seen
from cxrreport.store.weeks import WEEK
from cxrreport.trust.periods import monday

LAST = monday(date.today()) - WEEK
WEEKS = mondays(16, LAST - 15 * WEEK)
CHANGED = WEEKS[12]


@pytest.fixture
def hospital(any_tool: Tool, weights: Path) -> Tool:
    """Sixteen weeks of two machines, the films of one other from the thirteenth week on."""
    engine = store.open_database(any_tool.db, any_tool.home, 10)
    made_with = MadeWith(weights_sha256(read_manifest(weights)), "")
    with store.session(engine) as current:
        fill(current, made_with, WEEKS, CHANGED)
    engine.dispose()
    return any_tool


def audit(tool: Tool) -> list[tuple[str, str]]:
    """Who did what, of drift."""
    return tool.rows(
        "SELECT actor, action FROM audit WHERE action LIKE 'alarm%' OR action LIKE 'reference%' ORDER BY id"
    )


def test_a_machine_that_changes_rings_until_somebody_has_looked(hospital: Tool) -> None:
    rings = hospital.json("trust", code=3)["alarms"]
    assert {one["device"] for one in rings} == {"ACME Y", "all devices"}
    (alarm,) = [one for one in rings if one["device"] == "ACME Y"]
    assert alarm["statistic"] == "distance" and CHANGED <= date.fromisoformat(alarm["since"]) <= CHANGED + WEEK
    assert alarm["sentence"].startswith("The distance of films to those that the weights learnt from is above")
    assert hospital("trust") == 3 and alarm["sentence"] in hospital.out
    assert hospital.json("status")["alarms"] == rings
    assert hospital("status") == 0 and alarm["sentence"] in hospital.out
    assert hospital("trust", "drift", "--acknowledge", str(alarm["id"])) == 2 and "--reason" in hospital.err
    every = [word for one in rings for word in ("--acknowledge", str(one["id"]))]
    assert hospital("trust", "drift", *every, "--acknowledge", "999", "--reason", "x") == 2  # all or none
    assert "alarm.unknown" in hospital.err
    assert hospital("trust", "drift", *every, "--reason", "new tube", "--by", "dr") == 0
    assert hospital.json("trust")["alarms"] == hospital.json("status")["alarms"] == []
    assert hospital.json("trust", "drift")["alarms"][0]["acknowledged_why"] == "new tube"
    known = [("cxrreport", "reference period"), ("cxrreport", "alarm begins"), ("dr", "alarm acknowledged")]
    assert list(dict.fromkeys(audit(hospital))) == known


def test_importing_reports_tells_of_it_too(hospital: Tool, shared_reports: Path) -> None:
    found = hospital.json("index", shared_reports, code=3)
    assert found["failed"] == {"drift.alarm": len(found["alarms"])} and len(found["alarms"]) == 2
    assert hospital.json("runs")[0]["exit_code"] == 3


def test_a_new_reference_period_ends_what_does_not_hold_beside_it(hospital: Tool) -> None:
    hospital.json("trust", code=3)
    since, until = CHANGED, LAST + timedelta(days=2)  # any day of the last whole week
    assert hospital("trust", "drift", "--reference", str(since), str(until), "--reason", "new tube", "--by", "dr") == 0
    found = hospital.json("trust", "drift")
    assert found["reference"] == {"since": str(CHANGED), "until": str(LAST + timedelta(days=6))}
    assert hospital.json("trust")["alarms"] == []
    assert all(one["until"] for one in hospital.json("trust", "drift")["alarms"])
    assert ("dr", "reference period") in audit(hospital) and ("cxrreport", "alarm ends") in audit(hospital)
    for days in ((LAST + 2 * WEEK, LAST + 3 * WEEK), (WEEKS[0] - 9 * WEEK, WEEKS[0] - WEEK), (LAST, WEEKS[0])):
        assert hospital("trust", "drift", "--reference", *map(str, days), "--reason", "x") == 2
        assert "eriod" in hospital.err


def test_a_machine_that_is_new_is_held_beside_its_own_first_weeks(any_tool: Tool, weights: Path) -> None:
    made_with, weeks = MadeWith(weights_sha256(read_manifest(weights)), None), mondays(20, LAST - 19 * WEEK)
    new_at = weeks[9]
    engine = store.open_database(any_tool.db, any_tool.home, 10)
    with store.session(engine) as current:
        fill(current, made_with, weeks, date.max, a_week=60, new_at=new_at)
    engine.dispose()
    for _ in range(2):  # it is found once, and stays
        assert any_tool.json("trust")["alarms"] == []
    found = any_tool.json("trust", "drift")
    of = {one["device"]: one["own_reference"] for one in found["charts"]}
    own = {"since": str(new_at), "until": str(weeks[16] + timedelta(days=6))}
    assert of == {"all devices": None, "ACME X": None, "ACME Y": None, "ACME Z": own}
    assert any_tool("trust", "drift") == 0 and f"beside its own first weeks: {new_at}" in any_tool.out
    assert audit(any_tool) == [("cxrreport", "reference period")] * 2
    days = str(weeks[10]), str(weeks[17])
    assert any_tool("trust", "drift", "--reference", *days, "--reason", "a third machine", "--by", "dr") == 0
    any_tool.json("trust")
    of = {one["device"]: one["own_reference"] for one in any_tool.json("trust", "drift")["charts"]}
    assert of == dict.fromkeys(of) and "ACME Z" in of


def test_other_weights_begin_a_reference_period_of_their_own(
    hospital: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from builders.tool import build_weights

    hospital.json("trust", code=3)
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(build_weights(tmp_path / "other", seed=8)))
    assert hospital.json("trust")["alarms"] == []
    assert hospital.json("trust", "drift")["reference"] is None
    assert hospital("trust", "drift") == 0 and "no reference period" in hospital.out


def test_drift_is_read_through_indices(hospital: Tool) -> None:
    with whole_reads() as found:
        hospital.json("trust", code=3)
        hospital.json("trust", "drift")
    weekly = {statement: tables for statement, tables in found.items() if "GROUP BY" in statement}
    assert len(weekly) >= 3 and not {table for tables in weekly.values() for table in tables}


def test_a_run_that_drafts_counts_the_alarms_that_ring(tool: Tool, tmp_path: Path) -> None:
    engine = store.open_database(tool.db, tool.home, 10)
    with store.session(engine) as current:
        seen = Seen("alarm", LAST, 0.2, 0.1, 9.0)
        alarms.turn_alarms(current, MadeWith("w" * 64, ""), {("all devices", "distance", ""): seen}, LAST)
    engine.dispose()
    (tmp_path / "export").mkdir()
    metrics = tmp_path / "cxrreport.prom"
    found = tool.json("generate", tmp_path / "export", "--without-retrieval", "--metrics", metrics)
    assert found["alarms"] == 1 and 'cxrreport_run_count{what="alarms"} 1' in metrics.read_text()


def test_gates_are_listed_without_waiting_for_scipy() -> None:
    code = "import sys, cxrreport.trust.prove; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
