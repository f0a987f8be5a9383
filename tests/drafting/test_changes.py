from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafting.changes import compare, comparison_sentence, impression
from cxrreport.drafting.known import know
from cxrreport.drafting.wording_file import default_wording
from cxrreport.drafts import Finding
from cxrreport.findings import CHANGED, FINDINGS, Change, State
from cxrreport.model.tie import Tie
from cxrreport.reports.claims import read

P, N, U, B = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN, State.BLANK


def _study(rest=N, **states):
    named = {finding.replace("_", " "): state for finding, state in states.items()}
    return [Finding(f, named.get(f, rest), 0.9 if named.get(f) == P else 0.1) for f in FINDINGS]


def comparison(rows, prior_date=None, days=None):
    return comparison_sentence(know(rows), default_wording(), prior_date, days)


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


def test_a_comparison_of_which_nothing_is_known_says_so():
    rows = compare(_study(edema=U), _study(edema=U), _seen(Change.UNCHANGED))
    assert comparison(rows) == ("Compared with the prior: change in the findings cannot be judged.", ())


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


# -- of images that were compared --------------------------------------------------------------------------------------


def _seen(change, likely=0.9):
    return {finding: (change, likely) for finding in FINDINGS[:-1]}


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [
        (P, N, Change.NEW), (P, B, Change.NEW), (P, U, Change.NEW), (N, P, Change.RESOLVED), (N, N, Change.ABSENT),
        (P, P, Change.WORSENED), (P, P, Change.UNCHANGED), (P, P, Change.IMPROVED),
    ],
)  # fmt: skip
def test_a_change_is_told_where_the_states_agree(now, before, change):
    found = compare(_study(edema=now), _study(edema=before), _seen(change))
    (row,) = [row for row in found if row.finding == "edema"]
    assert (row.state, row.prior_state, row.change, row.change_probability) == (now, before, change, 0.9)


@pytest.mark.parametrize("finding", ["support_devices", "fracture"])
@pytest.mark.parametrize("change", [Change.WORSENED, Change.IMPROVED])
def test_what_has_no_degree_is_neither_worse_nor_better(finding, change):
    found = compare(_study(edema=P, **{finding: P}), _study(edema=P, **{finding: P}), _seen(change))
    changes = {row.finding: row.change for row in found}
    assert changes[finding.replace("_", " ")] is None and changes["edema"] is change


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(State)), st.sampled_from(list(State)), st.sampled_from(list(Change)), st.floats(0, 1))
def test_table_and_changes_never_contradict_each_other(now, before, change, likely):
    tie = Tie(appear=0.8, vanish=0.9)
    found = compare(_study(edema=now), _study(edema=before), _seen(change, likely), tie)
    row = next(row for row in found if row.finding == "edema")
    positive, had = row.state is P, row.prior_state is P
    needed = {
        Change.NEW: positive and not had, Change.RESOLVED: had and row.state in (N, B),
        Change.ABSENT: {row.state, before} <= {N, B}, None: True,
    }  # fmt: skip
    assert needed.get(row.change, positive and had)
    assert row.change in (change, None) or (change, row.change) == (Change.WORSENED, Change.NEW)
    sure = likely >= (tie.vanish if change is Change.RESOLVED else tie.appear)
    if row.prior_state is not before:
        assert sure and before is U and change in CHANGED
    if row.state is not now:
        assert sure and change in CHANGED and row.state is (N if change is Change.RESOLVED else P)
        assert row.probability >= 0.8 if row.state is P else row.probability <= 0.1 + 1e-9
        pathology = [r.state for r in found if r.finding not in ("support devices", "no finding")]
        assert (found[-1].state is P) == (P not in pathology)


@pytest.mark.parametrize(
    ("now", "before", "change", "expected"),
    [
        (U, U, Change.NEW, (P, N, Change.NEW)),
        (U, U, Change.WORSENED, (P, P, Change.WORSENED)),
        (U, U, Change.IMPROVED, (P, P, Change.IMPROVED)),
        (U, U, Change.RESOLVED, (N, P, Change.RESOLVED)),
        (N, N, Change.WORSENED, (P, N, Change.NEW)),  # what nobody has told of
        (N, N, Change.IMPROVED, (N, N, None)),
        (N, N, Change.RESOLVED, (N, N, None)),
        (U, P, Change.NEW, (U, P, None)),
        (U, U, Change.UNCHANGED, (U, U, None)),
        (N, U, Change.ABSENT, (N, U, None)),
    ],
)
def test_a_pair_that_is_sure_of_a_change_decides_what_films_leave_open(now, before, change, expected):
    found = compare(_study(edema=now), _study(edema=before), _seen(change, 0.99))
    row = next(row for row in found if row.finding == "edema")
    assert (row.state, row.prior_state, row.change) == expected
    unsure = compare(_study(edema=now), _study(edema=before), _seen(change, 0.6))
    assert next((r.state, r.prior_state) for r in unsure if r.finding == "edema") == (now, before)


@given(st.lists(st.sampled_from(list(State)), min_size=14, max_size=14), st.sampled_from(list(Change)))
@settings(max_examples=100, deadline=None)
def test_a_tie_that_nothing_reaches_leaves_every_state_to_the_film(states, change):
    film = [Finding(f, s, 0.5) for f, s in zip(FINDINGS, states, strict=True)]
    found = compare(film, _study(), _seen(change, 1.0), Tie(appear=2, vanish=2))
    assert [(row.state, row.probability) for row in found] == [(row.state, row.probability) for row in film]


def test_comparison_sentence_and_its_spans():
    rows = compare(_study(pleural_effusion=P, consolidation=P), _study(consolidation=P, pneumothorax=P))
    text, spans = comparison(rows, date(2021, 3, 4), 12)
    assert text == (
        "Compared with the prior of 2021-03-04 (12 days earlier): pneumothorax resolved; new pleural effusion;"
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
            [Finding("edema", P, 0.9, P, 0.9, Change.WORSENED), Finding("fracture", N, 0.1, P, 0.9, Change.RESOLVED)],
            0, "(the same day): pulmonary edema worsened; fracture no longer seen.",
        ),
    ],
)  # fmt: skip
def test_other_comparison_sentences(rows, days, text):
    said, spans = comparison(rows, None, days)
    assert said == f"Compared with the prior {text}" and bool(spans) == ("no change" not in text)


STATES = st.lists(st.sampled_from(list(State)), min_size=14, max_size=14)


@given(STATES, STATES)
@settings(max_examples=60, deadline=None)
def test_spans_lie_on_clauses_that_name_the_finding(current, prior):
    studies = [[Finding(f, s, 0.5) for f, s in zip(FINDINGS, states)] for states in (current, prior)]
    text, spans = comparison(compare(*studies))
    assert text.endswith(".")
    for span in spans:
        clause = text[span.start_char : span.end_char]
        assert clause and default_wording().name(span.finding) in clause and ";" not in clause
        assert 0 <= span.confidence <= 1


@pytest.mark.parametrize(
    ("states", "told", "expected"),
    [
        ({"cardiomegaly": P, "enlarged_cardiomediastinum": P, "pleural_effusion": P, "pneumonia": U}, {"pneumonia": U},
         "Pleural effusion and cardiomegaly. Possible pneumonia."),
        ({}, {}, "No acute cardiopulmonary abnormality."),
        ({"pneumonia": U}, {}, "Indeterminate: no finding is certain enough to be called."),  # told of nowhere
        ({"no_finding": P, "support_devices": P}, {}, "No acute cardiopulmonary abnormality. Support devices."),
        ({"edema": P, "pneumothorax": P, "fracture": P, "lung_opacity": U}, {"pleural effusion": N},
         "Pneumothorax, pulmonary edema and fracture."),
        ({"cardiomegaly": P}, {}, "Cardiomegaly. No acute cardiopulmonary abnormality."),  # it need not be acute
        ({"pneumothorax": U}, {"pleural effusion": N, "consolidation": N, "lung opacity": N, "cardiomegaly": N},
         "No pleural effusion or lung opacity; otherwise indeterminate."),  # a normal heart is nothing acute
        ({"rest": B}, {}, "Indeterminate: no finding is certain enough to be called."),
    ],
)  # fmt: skip
def test_the_impression_tells_what_is_there_by_urgency(states, told, expected):
    assert impression(know(_study(**states)), told, default_wording()) == expected


def test_the_impression_tells_of_changes_that_the_states_bear_out():
    current, prior = _study(pneumothorax=P, edema=P, atelectasis=P), _study(edema=P, pleural_effusion=P, atelectasis=U)
    rows = [
        replace(row, change=Change.WORSENED) if row.finding in ("edema", "atelectasis") else row
        for row in compare(current, prior)
    ]
    said = impression(know(rows), {}, default_wording())
    assert said == "New pneumothorax. Worsened pulmonary edema. Resolved pleural effusion. Atelectasis."


@given(st.lists(st.sampled_from(["absent", "blank", "possible", "there", "new", "resolved"]), min_size=13, max_size=13))
@settings(max_examples=150, deadline=None)
def test_an_impression_reads_back_as_what_it_was_made_of(kinds):
    made = {
        "absent": (N, N, None), "blank": (B, B, None), "possible": (U, N, None), "there": (P, P, None),
        "new": (P, N, Change.NEW), "resolved": (N, P, Change.RESOLVED),
    }  # fmt: skip
    rows = [Finding(f, made[k][0], 0.5, made[k][1], 0.5, made[k][2], 0.5) for f, k in zip(FINDINGS, kinds)]
    known, told = know(rows), {f: U for f, k in zip(FINDINGS, kinds) if k == "possible"}
    expected = {(f, N if known.changes.get(f) is Change.RESOLVED else P, known.changes.get(f)) for f in known.spoken}
    said = read(impression(known, told, default_wording()))
    claims = {(claim.finding, claim.state, claim.change) for sentence in said for claim in sentence.claims}
    assert claims == expected | {(f, U, None) for f in told}
    assert all(said.of(sentence).endswith(".") for sentence in said)
