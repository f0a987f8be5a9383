"""The simulated gates follow the rule of the tool."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gates import Truth, by_intervals, course, fall, main, nights, tell
from cxrreport.store.gates import Gate
from cxrreport.trust.gates import decide
from cxrreport.trust.policy import default_policy
from cxrreport.trust.tally import Cells

COUNTS = st.tuples(*[st.integers(0, 120)] * 3)
POLICY = default_policy()
BOUNDS = POLICY.bounds("edema", "state")


@given(whole=COUNTS, month=COUNTS, before=st.sampled_from([(True, False), (False, True), (False, False)]))
def test_a_look_decides_as_the_tool_does(
    whole: tuple[int, ...], month: tuple[int, ...], before: tuple[bool, bool]
) -> None:
    gate = Gate("edema", "state", open=before[0], failed=before[1], reason="")
    expected = decide(gate, Cells(*whole), Cells(*month), POLICY)
    columns = (np.array(one)[:, None] for one in (whole, month))
    after = by_intervals(np.array(before)[:, None], *columns, POLICY, BOUNDS)[:, 0]
    assert after.tolist() == [expected.open, expected.failed]


def test_what_is_good_and_rare_does_not_fail_by_a_few_reports() -> None:
    rare = nights(Truth(0.1, 0.9, 0.7), 365, 500, np.random.default_rng(4))
    assert course(rare, POLICY, BOUNDS)["failed"].any(0).mean() < 0.01


def test_what_is_good_opens_and_what_is_bad_does_not() -> None:
    rng = np.random.default_rng(1)
    good, bad = (
        tell(course(nights(Truth(2.0, share, share), 200, 200, rng), POLICY, BOUNDS)["intervals"])
        for share in (0.9, 0.3)
    )
    assert good["ever_open"] == 1 and bad["ever_open"] == 0 and (good["median_night"] or 0) >= 15


def test_nights_have_the_shares_that_are_asked_for() -> None:
    both, vain, missed = nights(Truth(3.0, 0.7, 0.4), 500, 100, np.random.default_rng(2)).sum((0, 2))
    assert both / (both + vain) == pytest.approx(0.7, abs=0.01) and both / (both + missed) == pytest.approx(
        0.4, abs=0.01
    )


def test_the_command_prints_both_rules(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--runs", "5", "--nights", "20"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 57 and {row["rule"] for row in rows[:54]} == {"intervals", "shares"}
    assert all(("ever_failed" in row) is (row["rule"] == "intervals") for row in rows[:54])


def test_what_falls_closes_the_sooner_the_more_often_it_is_told() -> None:
    rare, often = (fall(rate, POLICY, BOUNDS, 100, np.random.default_rng(3))["median"] for rate in (0.5, 5.0))
    assert often < rare and often < 30


def test_what_one_bad_month_closed_stays_closed_while_it_is_bad() -> None:
    assert fall(0.65, POLICY, BOUNDS, 100, np.random.default_rng(5))["nights_open_again"] < 5
