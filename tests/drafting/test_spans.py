from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.demo.archive import later
from cxrreport.drafting.spans import find_spans, flag_hallucinated_comparison, judge_comparisons
from cxrreport.findings import Change, State
from cxrreport.phantoms.report_text import courses, write_report_text
from cxrreport.phantoms.samples import random_lesions
from cxrreport.reports import comparison, labels
from cxrreport.reports.sentences import sentences


@dataclass(frozen=True)
class Mention:
    finding: str
    state: State
    start: int
    end: int


TEXT = "Cardiomegaly. New left effusion. No pneumothorax."


def _mention(finding, words, state=State.POSITIVE):
    return Mention(finding, state, TEXT.index(words), TEXT.index(words) + len(words))


MENTIONS = [
    _mention("cardiomegaly", "Cardiomegaly"),
    _mention("pleural effusion", "effusion"),
    _mention("pneumothorax", "pneumothorax", State.NEGATIVE),
]


def _marked(changes):
    return [
        (span.finding, span.kind, TEXT[span.start_char : span.end_char])
        for span in find_spans("findings", TEXT, MENTIONS, changes)
    ]


def test_asserted_findings_are_evidence():
    assert _marked({}) == [("cardiomegaly", "evidence", "Cardiomegaly"), ("pleural effusion", "evidence", "effusion")]


def test_what_changed_is_marked_as_change():
    changes = {"cardiomegaly": Change.UNCHANGED, "pleural effusion": Change.NEW, "pneumothorax": Change.RESOLVED}
    assert _marked(changes) == [
        ("cardiomegaly", "evidence", "Cardiomegaly"),
        ("pleural effusion", "change", "New"),
        ("pleural effusion", "change", "effusion"),
        ("pneumothorax", "change", "pneumothorax"),
    ]


def _marked_in(text, changes):
    found = find_spans("findings", text, labels.mentions(text), changes)
    return [(span.kind, text[span.start_char : span.end_char]) for span in found]


@pytest.mark.parametrize(
    ("text", "change", "marked"),
    [
        ("Increased left effusion.", Change.WORSENED, [("change", "Increased"), ("change", "effusion")]),
        ("The effusion has decreased.", Change.IMPROVED, [("change", "effusion"), ("change", "decreased")]),
        (
            "The effusion is larger, the edema improved.",
            Change.WORSENED,
            [("change", "effusion"), ("change", "larger")],
        ),
        ("Effusion and new edema.", Change.NEW, [("change", "Effusion")]),
        ("The effusion has resolved.", Change.RESOLVED, [("change", "effusion"), ("change", "resolved")]),
        ("Unchanged effusion.", Change.UNCHANGED, [("evidence", "effusion")]),
    ],
)
def test_words_of_change_are_marked_with_the_finding_that_they_stand_with(text, change, marked):
    assert [row for row in _marked_in(text, {"pleural effusion": change}) if "dema" not in row[1]] == marked


@pytest.mark.parametrize(
    ("text", "change", "flagged"),
    [
        ("Decreased effusion.", Change.WORSENED, ["Decreased"]),
        ("Stable effusion.", Change.NEW, ["Stable"]),
        ("New effusion.", Change.UNCHANGED, ["New"]),
        ("Small effusion.", Change.RESOLVED, ["effusion"]),
        ("Small effusion.", Change.ABSENT, ["effusion"]),
        ("No effusion.", Change.NEW, ["effusion"]),
        ("No right effusion. Left effusion.", Change.NEW, []),
        ("No effusion.", Change.ABSENT, []),
        ("No effusion.", Change.RESOLVED, []),
        ("Possible effusion.", Change.NEW, []),
        ("Possible effusion.", Change.RESOLVED, []),
        ("Increased effusion.", Change.NEW, []),
    ],
)
def test_what_contradicts_the_table_is_flagged(text, change, flagged):
    marked = _marked_in(text, {"pleural effusion": change})
    assert [words for kind, words in marked if kind == "flag"] == flagged


def test_without_a_change_nothing_is_flagged():
    assert _marked_in("New effusion. No edema.", {}) == [("evidence", "effusion")]


@given(
    st.lists(st.sampled_from(["new", "Increased", "stable", "and", ".", " ", "\n", "ab"]), max_size=9).map("".join),
    st.lists(st.tuples(st.sampled_from(list(State)), st.integers(-3, 15), st.integers(-3, 15)), max_size=5),
    st.sampled_from(list(Change)),
)
@settings(max_examples=200, deadline=None)
def test_spans_always_mark_words(text, places, change):
    mentions = [Mention("edema", *place) for place in places]
    for span in find_spans("findings", text, mentions, {"edema": change}):
        assert span.kind in ("change", "evidence", "flag") and span.finding == "edema"
        assert 0 <= span.start_char < span.end_char <= len(text)
        words = text[span.start_char : span.end_char]
        assert words == words.strip() != ""


@pytest.mark.parametrize(
    ("text", "flagged"),
    [
        ("Heart is unchanged.", ["unchanged"]),
        ("Compared to the prior study, a new effusion.", ["Compared", "prior study", "new"]),
        ("The lungs remain clear.", ["remain"]),
        ("Evidence of prior granulomatous disease. Stable heart.", []),
        ("Status post prior surgery.", []),
    ],
)
def test_comparison_without_a_prior_is_flagged(text, flagged):
    found = flag_hallucinated_comparison(text)
    assert [text[span.start_char : span.end_char] for span in found] == flagged
    assert all(span.kind == "flag" and span.finding is None for span in found)


@pytest.mark.parametrize(
    "text", ["Unchanged.", "Increasing effusion.", "Prior surgery.", "Stable heart.", "Again seen."]
)
def test_what_is_flagged_is_what_is_stripped_from_targets(text):
    assert bool(flag_hallucinated_comparison(text)) == comparison.has_comparison(text)


@given(
    st.lists(
        st.sampled_from(
            ["no", "change", "since", "the", "prior", "study", "again", "seen", "is", "new", "effusion", "."]
        ),
        max_size=10,
    )
)
@settings(max_examples=100, deadline=None)
def test_stripped_text_is_not_flagged(words):
    assert flag_hallucinated_comparison(comparison.strip_comparison(" ".join(words))) == ()


def _judged(text, changes):
    return [
        (text[start:end], true)
        for start, end, true in judge_comparisons(text, sentences(text), labels.mentions(text), changes)
    ]


@pytest.mark.parametrize(
    ("text", "change", "true"),
    [
        ("The left pleural effusion has increased since the prior study.", Change.WORSENED, True),
        ("The left pleural effusion has increased since the prior study.", Change.IMPROVED, False),
        ("The left pleural effusion has increased since the prior study.", None, False),
        ("The pleural effusion is unchanged.", Change.UNCHANGED, True),
        ("The pleural effusion is unchanged.", Change.NEW, False),
        ("No significant change in the pleural effusion.", Change.UNCHANGED, True),
        ("No significant change in the pleural effusion.", Change.RESOLVED, False),
        ("Interval resolution of the pleural effusion.", Change.RESOLVED, True),
        ("The previously seen pleural effusion has resolved.", Change.WORSENED, False),
        ("The pleural effusion has not increased since the prior study.", Change.WORSENED, False),
        ("There is no increase in the pleural effusion.", Change.WORSENED, False),
        ("No new pleural effusion.", Change.NEW, False),
        ("Again noted is a pleural effusion.", Change.NEW, False),
        ("Redemonstrated pleural effusion.", Change.NEW, False),
        ("The previously seen pleural effusion is present.", Change.NEW, False),
        ("The pleural effusion has not changed.", Change.WORSENED, False),
        ("Interval enlargement of the pleural effusion.", Change.IMPROVED, False),
        ("The pleural effusion is less apparent.", Change.WORSENED, False),
        ("The pleural effusion has worsened in the interval.", Change.NEW, False),
        ("The pleural effusion was not seen previously.", Change.NEW, True),
        ("The pleural effusion was not seen previously.", Change.UNCHANGED, False),
        ("New edema since the prior study.", Change.NEW, False),  # of another finding
        ("Compared with the prior study.", Change.NEW, False),  # of none
    ],
)
def test_a_comparison_is_borne_out_by_the_change_of_what_it_names(text, change, true):
    assert _judged(text, {"pleural effusion": change} if change else {}) == [(text, true)]


def test_a_sentence_that_names_nothing_speaks_of_what_the_one_before_named():
    text = "There is a small effusion. This is new since the prior study. The heart is normal. This is stable to prior study."
    changes = {"pleural effusion": Change.NEW, "cardiomegaly": Change.WORSENED}
    assert [true for _, true in _judged(text, changes)] == [True, False]


def test_what_is_removed_is_a_device_whatever_the_sentence_before_named():
    text = "There is a small effusion. Interval removal of the pacemaker."
    both = {"pleural effusion": Change.RESOLVED, "support devices": Change.UNCHANGED}
    assert [true for _, true in _judged(text, both)] == [False]
    assert [true for _, true in _judged(text, {"support devices": Change.RESOLVED})] == [True]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_reports_that_are_written_from_the_truth_are_borne_out_by_it(seed):
    rng = np.random.default_rng(seed)
    before = random_lesions(rng)
    now = later(before, rng)
    text, _, _ = write_report_text(now, before, rng)
    changes = {one.lesion.finding: Change(one.change) for one in courses(now, before)}
    wrong = [sentence for sentence, true in _judged(text, changes) if not true]
    assert len(wrong) <= 1  # two lesions of one finding can have two changes


def test_sentences_that_compare_with_nothing_are_not_judged():
    assert _judged("There is a small effusion. The heart is normal.", {"pleural effusion": Change.NEW}) == []
