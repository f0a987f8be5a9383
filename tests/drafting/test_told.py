"""What stands of a prior, out of its draft and its signed report."""

from __future__ import annotations

import pytest

from cxrreport.drafting.told import both_told
from cxrreport.findings import State

P, N, U, B = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN, State.BLANK


@pytest.mark.parametrize(
    ("drafted", "signed", "stands"),
    [
        (P, P, P), (P, B, P), (P, U, P), (P, N, U),  # what the draft has and the report denies is neither new nor old
        (N, P, P), (U, P, P), (B, P, P),
        (N, B, N), (U, B, U), (U, N, N), (N, U, U), (B, B, B),
    ],
)  # fmt: skip
def test_what_either_has_stands(drafted: State, signed: State, stands: State) -> None:
    told = both_told({"edema": drafted}, {"edema": signed})
    assert told is not None and told["edema"] is stands


def test_a_report_has_what_its_findings_imply_and_one_source_alone_is_enough() -> None:
    assert (told := both_told(None, {"pneumonia": P})) and told["lung opacity"] is P and told["fracture"] is B
    assert (told := both_told({"fracture": P}, None)) and told["fracture"] is P
    withheld = both_told({"fracture": P}, None)  # of edema the draft withholds what it has, and the film alone tells
    assert withheld is not None and "edema" not in withheld
    assert (told := both_told({"fracture": P}, {"fracture": N})) and told["edema"] is B
    assert both_told(None, None) is None and both_told({}, {}) is None
