"""What a draft shows decides how soon it is read, and why is told in words."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.drafting.known import know
from cxrreport.drafting.priority import prioritise
from cxrreport.drafts import PRIORITIES, Finding
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.reports.claims import read

P, N, U = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN
NEW, WORSENED, SAME, BETTER, GONE = (
    Change.NEW, Change.WORSENED, Change.UNCHANGED, Change.IMPROVED, Change.RESOLVED
)  # fmt: skip
Seen = tuple[State, float, Change | None]


def judged(text: str = "", **seen: Seen) -> tuple[str, str]:
    """Priority and reason beside a table in which all that is not told is absent."""
    told = {name.replace("_", " "): one for name, one in seen.items()}
    rows = []
    for finding in FINDINGS:
        state, probability, change = told.get(finding, (N, 0.01, None))
        before = N if change in (None, NEW) else P
        rows.append(Finding(finding, state, probability, before, 0.5, change, 0.9 if change else None))
    return prioritise(know(rows), read(text))


@pytest.mark.parametrize(
    ("seen", "wanted", "reason"),
    [
        ({"pneumothorax": (P, 0.71, NEW)}, "critical", "pneumothorax new (71 %)"),
        ({"pneumothorax": (P, 0.71, None)}, "critical", "pneumothorax (71 %)"),
        ({"pneumothorax": (P, 0.71, BETTER)}, "urgent", "pneumothorax improved (71 %)"),
        ({"pneumothorax": (P, 0.71, SAME)}, "urgent", "pneumothorax unchanged (71 %)"),
        ({"pneumothorax": (U, 0.1, None)}, "urgent", "possible pneumothorax (10 %)"),
        ({"edema": (P, 0.5, WORSENED)}, "urgent", "edema worsened (50 %)"),
        ({"edema": (U, 0.4, None)}, "notable", "possible edema (40 %)"),
        ({"lung_lesion": (P, 0.5, NEW)}, "notable", "lung lesion new (50 %)"),
        ({"lung_lesion": (P, 0.5, SAME)}, "routine", "lung lesion unchanged (50 %)"),
        ({"atelectasis": (P, 0.5, NEW)}, "routine", "atelectasis new (50 %)"),
        ({"support_devices": (U, 0.99, None)}, "routine", "nothing is seen that cannot wait; this rules nothing out"),
        ({"pneumothorax": (N, 0.02, GONE)}, "routine", "nothing is seen that cannot wait; this rules nothing out"),
        ({"pneumothorax": (U, 0.09, None)}, "routine", "nothing is seen that cannot wait; this rules nothing out"),
        ({"edema": (U, 0.29, None)}, "routine", "nothing is seen that cannot wait; this rules nothing out"),
    ],
)
def test_tier_change_and_probability_decide(seen: dict[str, Seen], wanted: str, reason: str) -> None:
    assert judged(**seen) == (wanted, reason)


def test_the_reason_names_all_that_is_as_soon_the_likeliest_first_and_each_by_one_name() -> None:
    seen = {"edema": (P, 0.6, None), "pleural_effusion": (P, 0.9, NEW), "pneumonia": (P, 0.7, None)}
    implied = {"consolidation": (P, 0.8, None), "lung_opacity": (P, 0.95, None), "cardiomegaly": (P, 0.99, None)}
    assert judged(**seen, **implied) == ("urgent", "pleural effusion new (90 %), pneumonia (70 %), edema (60 %)")
    undecided = {"consolidation": (U, 0.9, None), "lung_opacity": (U, 0.95, None)}
    assert judged(pneumonia=(P, 0.7, None), **undecided) == ("urgent", "pneumonia (70 %)")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("There is a pleural effusion.", "urgent"),
        ("There is a small pleural effusion.", "notable"),
        ("There is a small left and a large right pleural effusion.", "urgent"),
        ("There is no large pleural effusion.", "urgent"),
    ],
)
def test_what_is_small_waits_longer(text: str, wanted: str) -> None:
    assert judged(text, pleural_effusion=(P, 0.8, None))[0] == wanted


@given(
    st.dictionaries(
        st.sampled_from(FINDINGS[:-1]), st.tuples(st.sampled_from([P, N, U]), st.floats(0, 1), st.just(None))
    ),
    st.sampled_from(FINDINGS[:-1]),
)
def test_more_that_is_there_never_waits_longer(seen: dict[str, Seen], more: str) -> None:
    """Unless it tells of what was there under a more particular name, as pneumonia does of an opacity."""
    found = [judged(**{name.replace(" ", "_"): one for name, one in table.items()})[0] for table in (
        seen, seen | {more: (P, 1.0, None)}
    )]  # fmt: skip
    ranks = [PRIORITIES.index(one) for one in found]
    if more != "atelectasis":  # it explains a lung opacity and is itself routine
        assert ranks[1] <= ranks[0]


def test_what_is_critical_stays_so_whatever_else_is_seen() -> None:
    for others in itertools.combinations(FINDINGS[:-1], 2):
        seen = {name.replace(" ", "_"): (P, 0.9, None) for name in others if name != "pneumothorax"}
        assert judged(pneumothorax=(P, 0.5, None), **seen)[0] == "critical"


def test_where_findings_are_kept_back_the_reason_says_of_what_it_is() -> None:
    priority, reason = prioritise(know([]), read(""), partly=True)
    assert priority == "routine" and reason.startswith("of what is assessed nothing is seen")
