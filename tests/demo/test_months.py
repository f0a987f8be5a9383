"""Three months of a simulated hospital whose network knows what was drawn, until another machine makes hearts look large."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from builders.oracle import let_know
from builders.tool import log_put_back, set_environment

from cxrreport.demo.months import simulate
from cxrreport.demo.plan import UNSEEN, Plan
from cxrreport.settings import load_settings
from cxrreport.trust import policy

SEEN = "cardiomegaly"  # what the network sees on every film of the other machine
RULE = {
    "least": 6,
    "agree": 8,
    "precision": 0.65,
    "sensitivity": 0.65,
    "weeks": 4,
    "drafts": 6,
    "studies": 24,
}  # small numbers
PLAN = Plan(datetime(2026, 5, 4, 9), months=3, weekly=8, older=0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("months")
    return made


@pytest.fixture(scope="module")
def course(weights: Path, home: Path) -> Iterator[dict[str, Any]]:
    visits = {visit.accession: visit for visit in PLAN.visits}

    def truth(accession: str) -> set[str]:
        visit = visits[accession]
        return {one.finding for one in visit.drawn} | ({SEEN} if visit.changed else set())

    (home / "trust.toml").write_text(rule())
    with pytest.MonkeyPatch.context() as patch, log_put_back():
        set_environment(patch, weights)
        let_know(patch, truth)
        yield simulate(load_settings(home=home / "home", trust=home / "trust.toml"), home / "hospital", PLAN)


def rule() -> str:
    """The shipped rule with the numbers of a hospital as small as this."""
    text = Path(policy.__file__).with_name("trust.toml").read_text()
    for name, value in RULE.items():
        text = re.sub(rf"(?m)^{name} = [0-9.]+", f"{name} = {value}", text)
    return text


def turned(course: dict[str, Any], what: str) -> dict[str, str]:
    """Date by finding of the gates of states."""
    events = [event for event in course["events"] if event["what"] == what and event["subject"] == "state"]
    return {event["finding"]: event["date"] for event in events}


def test_every_film_is_drafted_and_every_signed_report_judges_one(course: dict[str, Any]) -> None:
    films, drafted, judged = (sum(night[name] for night in course["nights"]) for name in ("films", "drafted", "judged"))
    assert (
        films == course["truth"]["studies"] == 104 and drafted >= films
    )  # what a closing gate withdraws is made again
    assert judged >= course["truth"]["signed"]


def test_late_reports_are_judged_when_they_come(course: dict[str, Any]) -> None:
    first = course["nights"][1]  # the night before has no films
    assert first["judged"] < first["drafted"]
    assert any(night["judged"] > night["films"] for night in course["nights"][2:])


def test_what_is_right_is_told_and_what_no_film_shows_never(course: dict[str, Any]) -> None:
    opened = turned(course, "gate opened")
    assert {"pleural effusion", "cardiomegaly"} <= set(opened)
    assert UNSEEN not in opened and UNSEEN in turned(course, "gate failed")


def test_the_gate_of_what_the_other_machine_feigns_fails_after_it_came(course: dict[str, Any]) -> None:
    failed = turned(course, "gate failed")
    assert not {"pleural effusion", "pneumothorax", "edema"} & set(failed)
    assert failed[SEEN] > course["truth"]["machine"] > turned(course, "gate opened")[SEEN]


def test_the_alarm_of_drift_rings_after_the_machine_has_changed_and_not_before(course: dict[str, Any]) -> None:
    alarms = [event for event in course["events"] if event["what"] == "drift alarm"]
    assert alarms and all(event["date"] > course["truth"]["machine"] for event in alarms)
    assert SEEN in {finding for event in alarms for finding in event["findings"]}
