"""What a draft keeps from its readers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafting.changes import impression
from cxrreport.drafting.known import know
from cxrreport.drafting.withhold import is_everything, to_tell, withhold
from cxrreport.drafting.wording_file import default_wording
from cxrreport.drafts import WITHHELD, Finding
from cxrreport.findings import FINDINGS, NO_FINDING, Change, State
from cxrreport.reports.labels import label_all

GATED = FINDINGS[:NO_FINDING]
CLOSED = st.dictionaries(st.sampled_from(GATED), st.sampled_from(WITHHELD))
STATES = st.lists(st.sampled_from(State), min_size=len(FINDINGS), max_size=len(FINDINGS))
CHANGES = st.lists(st.sampled_from([None, *Change]), min_size=len(FINDINGS), max_size=len(FINDINGS))


def rows(states: list[State], changes: list[Change | None]) -> list[Finding]:
    """A table; before, everything was there."""
    table = zip(FINDINGS, states, changes, strict=True)
    return [Finding(finding, state, 0.9, State.POSITIVE, 0.9, change, 0.8) for finding, state, change in table]


@settings(deadline=None)  # the first one loads the words
@given(states=STATES, changes=CHANGES, closed=CLOSED)
def test_nothing_rests_on_what_is_kept_back(
    states: list[State], changes: list[Change | None], closed: dict[str, str]
) -> None:
    told = {row.finding: row for row in to_tell(withhold(rows(states, changes), closed))}
    for finding, subject in closed.items():
        row = told[finding]
        assert (row.change, row.change_probability, row.prior_state, row.prior_probability) == (None, None, None, None)
        assert subject == "change" or (row.state, row.probability) == (State.BLANK, 0.0)
    known = know(list(told.values()))
    said = label_all(impression(known, known.states, default_wording()))
    kept = {finding for finding, subject in closed.items() if subject == "state"}
    assert not [f for f in kept - known.implied if said[f] is not State.BLANK]


@given(states=STATES, changes=CHANGES, closed=CLOSED)
def test_the_draft_holds_what_its_readers_do_not_see(
    states: list[State], changes: list[Change | None], closed: dict[str, str]
) -> None:
    table = rows(states, changes)
    kept = withhold(table, closed)
    assert [(row.state, row.change, row.prior_state) for row in kept] == [
        (row.state, row.change, row.prior_state) for row in table
    ]
    assert {row.finding: row.withheld for row in kept if row.withheld and row.finding in GATED} == closed
    sums = {*closed.values()}
    assert kept[NO_FINDING].withheld == ("state" if "state" in sums else "change" if sums else "")


def test_everything_is_every_finding() -> None:
    assert is_everything(dict.fromkeys(GATED, "state"))
    assert not is_everything(dict.fromkeys(GATED[1:], "state"))
    assert not is_everything({**dict.fromkeys(GATED, "state"), "edema": "change"})
