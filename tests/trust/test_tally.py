"""Counts of agreement and their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders.trust import agreed, judged
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from cxrreport.findings import Change, State
from cxrreport.trust.policy import GATED
from cxrreport.trust.tally import Cells, Share, tally

POSITIVE, NEGATIVE, UNCERTAIN = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1.0)],
)
def test_intervals_are_those_of_newcombe(hits: int, of: int, low: float, high: float) -> None:
    """Newcombe (Statistics in Medicine, 1998), table I, method 3; the others by the formula's closed form."""
    assert Share(hits, of).interval == pytest.approx((low, high), abs=5e-5)


def test_nothing_has_no_share() -> None:
    assert (Share(0, 0).share, Share(0, 0).interval, Cells().f1) == (None, None, None)


@given(of=st.integers(1, 5000), data=st.data())
def test_an_interval_holds_its_share(of: int, data: Any) -> None:
    one = Share(data.draw(st.integers(0, of)), of)
    low, high = one.interval or (2, -1)
    assert 0 <= low <= (one.share or 0.0) + 1e-12 and (one.share or 0.0) - 1e-12 <= high <= 1


def test_each_study_is_in_one_cell_of_each_finding() -> None:
    drafts = [
        judged(agreed("edema", POSITIVE, POSITIVE)),
        judged(agreed("edema", POSITIVE, NEGATIVE)),
        judged(agreed("edema", UNCERTAIN, POSITIVE)),  # a doubt is no call
        judged(agreed("edema", POSITIVE, UNCERTAIN)),  # nobody knows: in no cell
        judged(),
    ]
    found = tally(drafts)
    assert found["edema", "state"] == Cells(both=1, drafted=1, signed=1, neither=1)
    assert all(found[f, "state"].neither == 5 for f in GATED if f != "edema")
    assert found["edema", "state"].precision == Share(1, 2) and found["edema", "state"].specificity == Share(1, 2)
    assert found["edema", "state"].f1 == 0.5


@pytest.mark.parametrize(
    ("drafted", "signed", "cells"),
    [
        (Change.NEW, Change.WORSENED, Cells(both=1)),
        (Change.IMPROVED, Change.RESOLVED, Cells(both=1)),
        (Change.NEW, Change.RESOLVED, Cells(drafted=1, signed=1)),
        (Change.NEW, Change.UNCHANGED, Cells(drafted=1)),
        (None, Change.NEW, Cells(signed=1)),
        (Change.UNCHANGED, None, Cells(neither=1)),
    ],
)
def test_changes_agree_in_their_direction(drafted: Change | None, signed: Change | None, cells: Cells) -> None:
    one = agreed("edema", POSITIVE, POSITIVE, drafted, signed)
    assert tally([judged(one, has_prior=True)])["edema", "change"] == cells
    assert tally([judged(one)])["edema", "change"] == Cells()  # without a prior there is nothing to tell


@pytest.mark.parametrize(("both", "alone"), [(0, 7), (5, 3), (40, 2), (12, 0)])
def test_the_interval_of_f1_is_that_of_the_share_of_both(both: int, alone: int) -> None:
    """As SciPy has the score interval of a proportion."""
    ends = binomtest(both, both + alone).proportion_ci(method="wilson")
    expected = [2 * end / (1 + end) for end in ends]
    assert Cells(both=both, drafted=alone).f1_interval == pytest.approx(expected, abs=1e-6)
    assert Share(both, both + alone).interval == pytest.approx(tuple(ends), abs=1e-6)


@pytest.mark.parametrize(("prevalence", "sensitivity", "precision"), [(0.1, 0.7, 0.7), (0.03, 0.5, 0.6)])
def test_the_interval_of_f1_keeps_its_level(prevalence: float, sensitivity: float, precision: float) -> None:
    both = prevalence * sensitivity
    shares = [both, both / precision - both, prevalence - both]
    true = 2 * both / (2 * both + shares[1] + shares[2])
    drawn = np.random.default_rng(3).multinomial(300, [*shares, 1 - sum(shares)], 2000).tolist()
    ends = [Cells(*row).f1_interval or (0, 1) for row in drawn]
    assert 0.935 <= sum(low <= true <= high for low, high in ends) / len(ends) <= 0.975
