"""When readers get no text, and what becomes of the priority then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.codes import Abstained, Flag
from cxrreport.drafting.abstain import Limits, disagreement, waiting
from cxrreport.drafts import PRIORITIES, Finding
from cxrreport.findings import State

LIMITS = Limits(1.25, 2.0, {Flag.FILM_UNUSUAL})
ROWS = (
    Finding("edema", State.POSITIVE, 0.9),
    Finding("fracture", State.NEGATIVE, 0.1),
    Finding("no finding", State.BLANK, 0.1),
)
Y, N, U = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN


@pytest.mark.parametrize(
    ("distance", "flags", "apart", "reason"),
    [
        (1.25, (), 2.0, ""),  # a bound belongs to what is drafted
        (1.26, (), 0.0, Abstained.UNUSUAL),
        (0.0, (Flag.FILM_CROPPED, Flag.FILM_UNUSUAL), 0.0, Abstained.QUALITY),
        (0.0, (Flag.FILM_CROPPED,), 2.1, Abstained.DISAGREEMENT),
        (9.0, (Flag.FILM_UNUSUAL,), 9.0, Abstained.QUALITY),
        (None, (Flag.FILM_UNUSUAL,), 9.0, ""),  # weights that cannot tell draft everything
    ],
)
def test_the_reason(distance: float | None, flags: tuple[str, ...], apart: float, reason: str) -> None:
    assert LIMITS.reason(distance, flags, apart) == reason


@pytest.mark.parametrize(
    ("beams", "expected"),
    [
        ([], 0.0),
        ([{}], 0.0),
        ([{"edema": Y, "fracture": N}], 0.2),
        ([{"edema": N, "fracture": U}], 1.8),
        ([{"edema": Y}, {"fracture": Y}], 0.5),
        ([{"no finding": Y, "other abnormality": Y}], 0.0),
    ],
)
def test_beams_that_tell_what_the_table_holds_for_unlikely_disagree(beams: list, expected: float) -> None:
    assert disagreement(ROWS, beams) == pytest.approx(expected)


@given(st.sampled_from(PRIORITIES), st.sampled_from(list(Abstained)))
def test_what_is_not_drafted_waits_no_longer_than_it_would_and_is_never_last(priority: str, reason: Abstained) -> None:
    given_, why = waiting(priority, reason)
    assert PRIORITIES.index(given_) <= PRIORITIES.index(priority) and given_ != "routine"
    assert why == f"not drafted: {reason.sentence}"
