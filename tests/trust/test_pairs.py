"""The tie of pairs, fitted to made-up readings of which nothing has changed."""

import pytest

from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.model.comparer import PairReading
from cxrreport.model.progression import FOLLOWED
from cxrreport.model.tie import Tie
from cxrreport.trust.pairs import Beside, fit_tie, share_moved

P, N = State.POSITIVE, State.NEGATIVE


def beside(now=N, before=N, change=Change.ABSENT, sure=0.9):
    """A pair of which one change is said of edema, and nothing of the rest."""
    films = [[Finding(f, s if f == "edema" else N, 0.3) for f in FINDINGS] for s in (now, before)]
    changes = tuple(change if finding == "edema" else Change.ABSENT for finding in FOLLOWED)
    reading = PairReading.plain(changes, (sure,) * 13, (0.0,) * 13, (0.0,) * 13)
    return Beside(*map(tuple, films), reading)


STILL = [beside()] * 49


def test_without_any_false_change_the_limits_are_even():
    assert fit_tie(STILL, STILL) == Tie(0.5, 0.5)


@pytest.mark.parametrize(
    ("pair", "fitted"),
    [
        (beside(N, N, Change.NEW, 0.805), Tie(0.81, 0.5)),
        (beside(P, P, Change.RESOLVED, 0.705), Tie(0.5, 0.71)),
        (beside(N, N, Change.NEW, 1.0), Tie(2.0, 0.5)),  # no limit holds it back: nothing may move
        (beside(P, P, Change.WORSENED, 0.9), Tie(0.5, 0.5)),  # moves no state
    ],
)
def test_limits_hold_back_what_moves_where_nothing_has_changed(pair, fitted):
    many = [*STILL[:9], pair]  # more than one state in a thousand
    tie = fit_tie(many, STILL)
    assert (tie.appear, tie.vanish) == pytest.approx((fitted.appear, fitted.vanish))
    assert share_moved(many, tie) == 0 and fit_tie(STILL, many) == tie
    free = 0 if Change.WORSENED in pair.reading.changes else 2 / 140  # "no finding" follows
    assert share_moved(many, Tie(0, 0)) == pytest.approx(free)


def test_limits_are_read_from_a_calibration_and_checked():
    assert Tie.read({}) == Tie() and Tie.read({"appear": 0.6, "pairs": 9}) == Tie(appear=0.6)
    for wrong in ({"appear": -1}, {"vanish": float("nan")}, {"appear": "much"}):
        with pytest.raises(ValueError):
            Tie.read(wrong)
