"""When readers get no text, and what becomes of the priority then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.codes import Abstained, Flag
from cxrreport.drafting.abstain import Limits, doubt, waiting
from cxrreport.drafts import PRIORITIES, Finding
from cxrreport.findings import PATHOLOGIES, State

LIMITS = Limits(1.25, 2.0, {Flag.FILM_UNUSUAL})
ROWS = (
    Finding("edema", State.POSITIVE, 0.9),
    Finding("fracture", State.NEGATIVE, 0.1),
    Finding("no finding", State.BLANK, 0.1),
)


@pytest.mark.parametrize(
    ("distance", "flags", "undecided", "reason"),
    [
        (1.25, (), 2.0, ""),  # a bound belongs to what is drafted
        (1.26, (), 0.0, Abstained.UNUSUAL),
        (0.0, (Flag.FILM_CROPPED, Flag.FILM_UNUSUAL), 0.0, Abstained.QUALITY),
        (0.0, (Flag.FILM_CROPPED,), 2.1, Abstained.DOUBT),
        (9.0, (Flag.FILM_UNUSUAL,), 9.0, Abstained.QUALITY),
        # what the weights cannot tell is no reason, and takes away no other
        (None, (Flag.FILM_UNUSUAL,), 0.0, Abstained.QUALITY),
        (None, (), 2.1, Abstained.DOUBT),
        (1.26, (), None, Abstained.UNUSUAL),
        (None, (), None, ""),
    ],
)
def test_the_reason(distance: float | None, flags: tuple[str, ...], undecided: float | None, reason: str) -> None:
    assert LIMITS.reason(distance, flags, undecided) == reason


def test_the_doubt_is_how_many_findings_may_be_expected_to_be_wrong() -> None:
    assert doubt(ROWS) == pytest.approx(0.2) and doubt(()) == 0  # "no finding" sums the others up and is none of them
    assert doubt((Finding("edema", State.UNCERTAIN, 0.4), Finding("fracture", State.NEGATIVE, 0.5))) == pytest.approx(
        0.9
    )


@given(st.lists(st.floats(0, 1), max_size=12))
def test_a_table_is_in_doubt_about_half_of_its_findings_at_most(probabilities: list[float]) -> None:
    rows = [Finding(name, State.UNCERTAIN, p) for name, p in zip(sorted(PATHOLOGIES), probabilities, strict=False)]
    assert 0 <= doubt(rows) <= len(rows) / 2


@given(st.sampled_from(PRIORITIES), st.sampled_from(list(Abstained)))
def test_what_is_not_drafted_waits_no_longer_than_it_would_and_is_never_last(priority: str, reason: Abstained) -> None:
    given_, why = waiting(priority, reason)
    assert PRIORITIES.index(given_) <= PRIORITIES.index(priority) and given_ != "routine"
    assert why == f"not drafted: {reason.sentence}"
