import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxrreport.demo.archive import later
from cxrreport.drafting.spans import check_comparisons, mark_text
from cxrreport.findings import Change
from cxrreport.phantoms.report_text import changes_of, write_report_text
from cxrreport.phantoms.samples import random_lesions
from cxrreport.reports.claims import read
from cxrreport.reports.comparison import strip_comparison

TEXT = "Cardiomegaly. New left effusion. No pneumothorax."


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ({}, [("cardiomegaly", "evidence", "Cardiomegaly"), ("pleural effusion", "evidence", "effusion")]),
        (
            {"cardiomegaly": Change.UNCHANGED, "pleural effusion": Change.NEW, "pneumothorax": Change.RESOLVED},
            [
                ("cardiomegaly", "evidence", "Cardiomegaly"),
                ("pleural effusion", "change", "New"),
                ("pleural effusion", "change", "effusion"),
                ("pneumothorax", "change", "pneumothorax"),
            ],
        ),
    ],
)
def test_what_is_asserted_is_evidence_and_what_changed_is_marked_as_change(changes, marked):
    spans = [span for span in mark_text(read(TEXT), changes, compared=True) if span.finding]
    assert [(span.finding, span.kind, TEXT[span.start_char : span.end_char]) for span in spans] == marked


def _marked_in(text, changes):
    found = mark_text(read(text), changes, compared=True)
    return [(span.kind, text[span.start_char : span.end_char]) for span in found if span.finding]


@pytest.mark.parametrize(
    ("text", "change", "marked"),
    [
        ("Increased left effusion.", Change.WORSENED, [("change", "Increased"), ("change", "effusion")]),
        ("The effusion has decreased.", Change.IMPROVED, [("change", "effusion"), ("change", "has decreased")]),
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
        ("New effusion. No edema.", None, []),
    ],
)
def test_what_contradicts_the_table_is_flagged(text, change, flagged):
    marked = _marked_in(text, {"pleural effusion": change} if change else {})
    assert [words for kind, words in marked if kind == "flag"] == flagged


WORDS = "new|increased|stable|and|.|\n|no|edema|cavity|has|resolved|since|the|prior|study"


@given(
    st.lists(st.sampled_from(WORDS.split("|")), max_size=12),
    st.sampled_from(list(Change)),
    st.booleans(),
)
@example(["new", "edema", "\n", "\n", "increased"], Change.NEW, False)  # no full stop ends the first
@settings(max_examples=200, deadline=None)
def test_spans_always_mark_words(words, change, compared):
    text = " ".join(words)
    for span in mark_text(read(text), {"edema": change}, compared=compared):
        assert span.kind in ("change", "evidence", "flag") and (span.finding or span.kind == "flag")
        marked = text[span.start_char : span.end_char]
        assert marked == marked.strip() != ""
    bare = strip_comparison(text)
    assert all(span.finding for span in mark_text(read(bare), {}, compared=False))


@pytest.mark.parametrize(
    ("text", "flagged"),
    [
        ("Heart is unchanged.", ["unchanged"]),
        ("Compared to the prior study, a new effusion.", ["Compared", "prior study", "new"]),
        ("The lungs remain clear.", ["remain"]),
        ("Evidence of prior granulomatous disease. Stable heart.", ["Stable"]),
        ("Status post prior surgery. Increased lung markings.", []),
    ],
)
def test_comparison_without_a_prior_is_flagged(text, flagged):
    found = [span for span in mark_text(read(text), {}, compared=False) if span.kind == "flag"]
    assert [text[span.start_char : span.end_char] for span in found] == flagged
    assert all(span.finding is None for span in found)


def _checked(text, changes):
    return [(text[one.start : one.end], true) for one, true in check_comparisons(read(text), changes)]


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
def test_a_comparison_is_supported_by_the_change_of_what_it_names(text, change, true):
    assert _checked(text, {"pleural effusion": change} if change else {}) == [(text, true)]


EFFUSION, DEVICES = "There is a small effusion. ", "support devices"


@pytest.mark.parametrize(
    ("text", "changes", "supported"),
    [
        (EFFUSION + "This is new since the prior study. The heart is normal. This is stable to prior study.",
         {"pleural effusion": Change.NEW, "cardiomegaly": Change.WORSENED}, [True, False]),
        (EFFUSION + "Interval removal of the pacemaker.",  # of a device, whatever the sentence before named
         {"pleural effusion": Change.RESOLVED, DEVICES: Change.UNCHANGED}, [False]),
        (EFFUSION + "Interval removal of the pacemaker.", {DEVICES: Change.RESOLVED}, [True]),
        (EFFUSION + "The heart is normal.", {"pleural effusion": Change.NEW}, []),  # nothing compares
    ],
)  # fmt: skip
def test_a_sentence_that_names_nothing_speaks_of_what_the_one_before_named(text, changes, supported):
    assert [true for _, true in _checked(text, changes)] == supported


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_reports_that_are_written_from_the_truth_are_supported_by_it(seed):
    rng = np.random.default_rng(seed)
    before = random_lesions(rng)
    now = later(before, rng)
    text, _, _ = write_report_text(now, before, rng)
    changes = {one.lesion.finding: Change(one.change) for one in changes_of(now, before)}
    wrong = [sentence for sentence, true in _checked(text, changes) if not true]
    assert len(wrong) <= 1  # two lesions of one finding can have two changes
