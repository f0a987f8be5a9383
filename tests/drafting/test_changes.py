from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafting.changes import compare, comparison_sentence, impression
from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS, Change, State

P, N, U, B = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN, State.BLANK


def _study(**states):
    named = {finding.replace("_", " "): state for finding, state in states.items()}
    return [Finding(f, named.get(f, B), 0.9 if named.get(f) == P else 0.1) for f in FINDINGS]


def _changes(current, prior):
    return {row.finding: row.change for row in compare(current, prior) if row.change != Change.ABSENT}


def test_changes_follow_from_the_two_states():
    current = _study(edema=P, fracture=P, pneumonia=U)
    prior = _study(fracture=P, pneumothorax=P)
    assert _changes(current, prior) == {
        "edema": Change.NEW, "fracture": Change.UNCHANGED, "pneumothorax": Change.RESOLVED, "no finding": None,
        "pneumonia": None,
    }  # fmt: skip


@pytest.mark.parametrize("known", [P, N, State.BLANK])
def test_nothing_is_said_of_a_change_where_a_state_is_uncertain(known):
    assert _changes(_study(edema=U), _study(edema=known))["edema"] is None
    assert _changes(_study(edema=known), _study(edema=U))["edema"] is None


def test_without_a_prior_nothing_changes():
    rows = compare(_study(edema=P), None)
    assert all(row.change is None and row.prior_state is None and row.change_probability is None for row in rows)
    assert comparison_sentence(rows, None, None) == ("", ())


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_probabilities_of_the_four_changes_sum_to_one(current, prior):
    total, seen = 0.0, set()
    for now in (P, N):
        for before in (P, N):
            (row,) = compare([Finding("edema", now, current)], [Finding("edema", before, prior)])
            seen.add(row.change)
            total += row.change_probability
    assert seen == {Change.NEW, Change.RESOLVED, Change.UNCHANGED, Change.ABSENT}
    assert total == pytest.approx(1)


def test_probability_of_a_new_finding():
    (row,) = compare([Finding("edema", P, 0.8)], [Finding("edema", N, 0.25)])
    assert row.change_probability == pytest.approx(0.8 * 0.75)


def test_comparison_sentence_and_its_spans():
    rows = compare(_study(pleural_effusion=P, consolidation=P), _study(consolidation=P, pneumothorax=P))
    text, spans = comparison_sentence(rows, date(2021, 3, 4), 12)
    assert text == (
        "Compared with the prior of 2021-03-04 (12 days earlier): new pleural effusion; pneumothorax resolved;"
        " consolidation unchanged."
    )
    assert {span.finding: text[span.start_char : span.end_char] for span in spans} == {
        "pleural effusion": "new pleural effusion",
        "pneumothorax": "pneumothorax resolved",
        "consolidation": "consolidation unchanged",
    }
    assert {(span.section, span.kind) for span in spans} == {("comparison", "change")}


@pytest.mark.parametrize(
    ("rows", "days", "text"),
    [
        (compare(_study(edema=P), _study(edema=P)), 1, "(1 day earlier): no change in the findings."),
        (  # of weights that compare
            [Finding("edema", P, 0.9, P, 0.9, Change.WORSENED), Finding("fracture", P, 0.9, P, 0.9, Change.IMPROVED)],
            0, "(the same day): edema worsened; fracture improved.",
        ),
    ],
)  # fmt: skip
def test_other_comparison_sentences(rows, days, text):
    said, spans = comparison_sentence(rows, None, days)
    assert said == f"Compared with the prior {text}" and bool(spans) == ("no change" not in text)


STATES = st.lists(st.sampled_from(list(State)), min_size=14, max_size=14)


@given(STATES, STATES)
@settings(max_examples=60, deadline=None)
def test_spans_lie_on_clauses_that_name_the_finding(current, prior):
    studies = [[Finding(f, s, 0.5) for f, s in zip(FINDINGS, states)] for states in (current, prior)]
    text, spans = comparison_sentence(compare(*studies), None, None)
    assert text.endswith(".")
    for span in spans:
        clause = text[span.start_char : span.end_char]
        assert clause and span.finding.split()[0] in clause and ";" not in clause


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"cardiomegaly": P, "enlarged_cardiomediastinum": P, "pleural_effusion": P, "pneumonia": U},
         "Cardiomegaly and pleural effusion. Possible pneumonia."),
        ({}, "No acute cardiopulmonary abnormality."),
        ({"no_finding": P, "support_devices": P}, "No acute cardiopulmonary abnormality. Support devices."),
        ({"edema": P, "atelectasis": P, "fracture": P, "lung_opacity": U}, "Edema, atelectasis and fracture."),
        ({"pneumonia": U}, "Possible pneumonia."),
    ],
)  # fmt: skip
def test_impression(states, expected):
    assert impression(_study(**states)) == expected
