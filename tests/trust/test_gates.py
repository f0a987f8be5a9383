"""The rule of the gates: when one opens, stays, closes."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from cxrreport.drafts import MadeWith
from cxrreport.findings import State
from cxrreport.store.engine import session
from cxrreport.store.gates import Gate, gates, turn
from cxrreport.store.judged import Counted, Record
from cxrreport.store.runs import TOOL
from cxrreport.trust import gates as rule
from cxrreport.trust.gates import count_gates, decide, turn_gates, withheld
from cxrreport.trust.policy import GATED, Bounds, default_policy
from cxrreport.trust.tally import Cells

POLICY = default_policy().model_copy(
    update={
        "least": 10,
        "state": Bounds(agree=20, precision=0.6, sensitivity=0.6),
        "change": Bounds(agree=10, precision=0.5, sensitivity=0.4),
    }
)
SHUT, OPEN = Gate("edema", "state", open=False, reason=""), Gate("edema", "state", open=True, reason="")
GOOD, FEW, DOUBTFUL, BAD = Cells(40, 3, 3, 99), Cells(10, 0, 0, 99), Cells(30, 18, 0, 99), Cells(20, 60, 3, 99)
NONE = Cells()
NOW = datetime(2024, 7, 1)
USED = MadeWith("w", None)


def said(signed: State, studies: int, recent: int) -> Counted:
    """So many drafts tell an edema."""
    return Counted("edema", State.POSITIVE, signed, None, None, False, studies, recent)


@pytest.mark.parametrize(
    ("before", "whole", "month", "opens", "why"),
    [
        (SHUT, NONE, NONE, False, "nothing was compared"),
        (SHUT, GOOD, NONE, True, "precision 93 % (40 of 43)"),
        (SHUT, FEW, NONE, False, "fewer than 20"),
        (SHUT, DOUBTFUL, NONE, False, "not yet certainly 60 %"),
        (OPEN, DOUBTFUL, NONE, True, ""),  # between the bounds it stays as it is
        (OPEN, BAD, NONE, False, "certainly below 60 %"),
        (OPEN, GOOD, Cells(2, 9, 0, 9), False, "of the last 30 days"),  # one bad month closes by itself
        (OPEN, GOOD, Cells(0, 3, 0, 9), True, ""),  # too few to judge a month
        (SHUT, GOOD, Cells(2, 9, 0, 9), False, "of the last 30 days"),
        (SHUT, Cells(0, 0, 3, 99), Cells(0, 0, 3, 9), False, "fewer than 20"),  # nor does a year of three reports fail
        (SHUT, Cells(0, 0, 10, 99), NONE, False, "of all studies"),
    ],
)
def test_when_a_gate_opens_stays_and_closes(before: Gate, whole: Cells, month: Cells, opens: bool, why: str) -> None:
    after = decide(before, whole, month, POLICY)
    assert after.open is opens and why in after.reason


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Record(0, 0), "nothing was compared of studies of the last 365 days"),
        (
            Record(22, 0),
            "drafts judged of studies of the last 365 days: 22, none that readers may get of the weights and the"
            " calibration in use",
        ),
        (Record(22, 9), "drafts judged of studies of the last 365 days: 9, in none it is told beyond doubt"),
    ],
)
def test_a_gate_without_counts_says_what_is_wanting(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, found: Record, why: str
) -> None:
    monkeypatch.setattr(rule, "record", lambda *_: found)
    monkeypatch.setattr(rule, "counted", lambda *_: [said(State.POSITIVE, 12, 0)])
    with session(engine) as s:
        turn_gates(s, USED, POLICY, NOW)
        told = gates(s)
    assert told["fracture", "state"].reason == told["edema", "change"].reason == why
    assert told["edema", "state"].reason == "draft and report agree in 12 studies, fewer than 20"


def test_what_has_failed_stays_so_until_it_is_proved() -> None:
    failed = decide(OPEN, BAD, BAD, POLICY)
    assert failed.failed and decide(SHUT, FEW, NONE, POLICY).failed is False
    assert not decide(SHUT, Cells(0, 0, 3, 99), Cells(0, 0, 3, 9), POLICY).failed
    later = decide(failed, FEW, NONE, POLICY)
    assert later.failed and later.reason.startswith("it has failed; draft and report agree in 10 studies")
    assert not decide(failed, GOOD, NONE, POLICY).failed


def test_a_good_year_does_not_open_what_the_last_month_closed() -> None:
    shut = decide(OPEN, Cells(300, 50, 30), Cells(2, 18, 0), POLICY)
    fewer = decide(
        shut, Cells(300, 49, 30), Cells(2, 6, 0), POLICY
    )  # too few to fail by, and below the bound all the same
    assert fewer.failed and fewer.reason == "it has failed; precision of the last 30 days is 25 % (2 of 8), below 60 %"
    assert decide(fewer, Cells(300, 49, 30), Cells(6, 2, 1), POLICY).open


def test_a_held_gate_is_left_alone() -> None:
    held = Gate("edema", "state", open=True, reason="the head of the department", held=True)
    assert decide(held, BAD, BAD, POLICY) == held


@given(cells=st.builds(Cells, *[st.integers(0, 300)] * 4), opened=st.booleans())
def test_no_gate_opens_and_closes_by_the_same_counts(cells: Cells, opened: bool) -> None:
    once = decide(Gate("edema", "state", open=opened, reason=""), cells, cells, default_policy())
    assert decide(once, cells, cells, default_policy()).open is once.open


def test_gates_are_turned_audited_and_explained(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [said(State.POSITIVE, 40, 0)]
    monkeypatch.setattr(rule, "counted", lambda *_: told)
    with session(engine) as s:
        (opened,) = turn_gates(s, USED, POLICY, NOW)
        assert (opened.finding, opened.subject, opened.open) == ("edema", "state", True)
        assert not turn_gates(s, USED, POLICY, NOW)
        assert withheld(s, USED, "unproved") == {**dict.fromkeys(GATED, "state"), "edema": "change"}
        assert gates(s)["fracture", "state"].reason == "nothing was compared of studies of the last 365 days"
        told.append(said(State.NEGATIVE, 30, 30))
        (shut,) = turn_gates(s, USED, POLICY, NOW)
        assert not shut.open and "precision of the last 30 days is 0 % (0 of 30)" in shut.reason
        turn(s, Gate("edema", "state", open=True, reason="read by hand", held=True), "chief", NOW)
        assert not turn_gates(s, USED, POLICY, NOW) and withheld(s, USED, "unproved")["edema"] == "change"
        audited = s.connection().exec_driver_sql("SELECT actor, subject, detail FROM audit ORDER BY id").all()
    assert [(row.actor, json.loads(row.detail)["open"]) for row in audited] == [
        (TOOL, True),
        (TOOL, False),
        ("chief", True),
    ]
    assert {row.subject for row in audited} == {"edema, state"}


def test_other_weights_have_to_prove_themselves_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rule, "counted", lambda _, weights, calibration, *__: [] if calibration else [said(State.POSITIVE, 40, 0)]
    )
    with session(engine) as s:
        assert [gate.open for gate in turn_gates(s, USED, POLICY, NOW)] == [True]
        for others in (MadeWith("w", "c"), MadeWith("v", None)):  # before anybody has looked at them
            assert withheld(s, others, "unproved")["edema"] == "state"
            assert count_gates(s, others) == {"open": 0, "failed": 0, "unproved": 26, "held": 0}
        assert count_gates(s, USED)["open"] == 1
        (shut,) = turn_gates(s, MadeWith("w", "c"), POLICY, NOW)
        assert (shut.open, shut.failed) == (False, False)
        nothing = "nothing was compared of studies of the last 365 days"
        assert shut.reason == f"it was opened for other weights or another calibration; {nothing}"


def test_the_setting_says_what_closed_gates_keep_from_readers(engine: Engine) -> None:
    with session(engine) as s:
        assert withheld(s, USED, "failed") == {} and withheld(s, USED, "nothing") == {}
        assert withheld(s, USED, "unproved") == dict.fromkeys(GATED, "state")
        for gate in (
            Gate("edema", "state", open=False, reason="", failed=True),
            Gate("fracture", "state", open=False, reason="", held=True),
            Gate("pneumonia", "state", open=True, reason="", held=True),
            Gate("pneumonia", "change", open=False, reason="", failed=True),
        ):
            turn(s, gate, "chief", NOW)
        assert withheld(s, USED, "failed") == {"edema": "state", "fracture": "state", "pneumonia": "change"}
        assert withheld(s, USED, "unproved") == {**dict.fromkeys(GATED, "state"), "pneumonia": "change"}
        assert withheld(s, USED, "nothing") == {}
