"""What a sentence is refused for: words and kinds that nothing shows, comparisons that no change supports."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.demo.archive import later
from cxrreport.drafting.known import know
from cxrreport.drafting.licences import check_comparisons, refusals
from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.phantoms.report_text import changes_of, write_report_text
from cxrreport.phantoms.samples import random_lesions
from cxrreport.reports.claims import read

EFFUSION, DEVICES = "pleural effusion", "support devices"


def rows(now, before, change, finding=EFFUSION):
    return [
        Finding(f, State.NEGATIVE, 0.1) if f != finding else Finding(f, now, 0.5, before, 0.5, change) for f in FINDINGS
    ]


P, N, U, B = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN, State.BLANK


@pytest.mark.parametrize(
    ("change", "refused"),
    [(Change.UNCHANGED, set()), (Change.WORSENED, {"undecided_removed"}), (None, {"undecided_removed"})],
)
def test_a_kind_of_device_is_told_where_the_signed_prior_names_it_and_nothing_has_changed(change, refused):
    (sentence,) = text = read("A pacemaker is present.")
    known = know(rows(P, P, change, DEVICES), kinds=["pacemaker"])
    assert refusals(text, sentence, known) == refused
    assert refusals(text, sentence, know(rows(P, P, change, DEVICES))) == {"undecided_removed"}


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


AN_EFFUSION = "There is a small effusion. "


@pytest.mark.parametrize(
    ("text", "changes", "supported"),
    [
        (AN_EFFUSION + "This is new since the prior study. The heart is normal. This is stable to prior study.",
         {"pleural effusion": Change.NEW, "cardiomegaly": Change.WORSENED}, [True, False]),
        (AN_EFFUSION + "Interval removal of the pacemaker.",  # of a device, whatever the sentence before named
         {"pleural effusion": Change.RESOLVED, DEVICES: Change.UNCHANGED}, [False]),
        (AN_EFFUSION + "Interval removal of the pacemaker.", {DEVICES: Change.RESOLVED}, [True]),
        (AN_EFFUSION + "The heart is normal.", {"pleural effusion": Change.NEW}, []),  # nothing compares
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


@pytest.mark.parametrize(
    "said",
    [
        "There is a malignant mass.",
        "There is a pathologic fracture.",
        "There is a bloody effusion.",
        "The mediastinum is widened.",
    ],
)
def test_a_word_that_nothing_in_the_table_bears_out_has_no_licence(said):
    rows = [Finding(f, State.POSITIVE if f not in ("no finding", "enlarged cardiomediastinum") else State.UNCERTAIN, 0.5)
            for f in FINDINGS]  # fmt: skip
    text = read(said)
    assert refusals(text, text.sentences[0], know(rows))
