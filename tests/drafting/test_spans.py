"""Words that rest on a row of the table are marked with it, and with how sure their sentence is."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxrreport.drafting.confidence import beam_states, confidence
from cxrreport.drafting.known import know
from cxrreport.drafting.spans import mark_text
from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.model.drafter import NetworkDraft, StudyStates
from cxrreport.model.prose import Prose
from cxrreport.reports.claims import read
from cxrreport.reports.comparison import strip_comparison

HEART, EFFUSION, PNEUMOTHORAX = "cardiomegaly", "pleural effusion", "pneumothorax"
POSITIVE = {HEART: 0.9, EFFUSION: 0.8}


def known(quality=None, **changes):
    """Cardiomegaly and an effusion, all else absent."""
    found = {name.replace("_", " "): change for name, change in changes.items()}
    rows = []
    for finding in FINDINGS:
        change = found.get(finding)
        now = State.POSITIVE if finding in POSITIVE else State.NEGATIVE
        before = State.NEGATIVE if change in (None, Change.NEW) else State.POSITIVE
        rows.append(Finding(finding, now, POSITIVE.get(finding, 0.1), before, 0.5, change, 0.5 if change else None))
    return know(rows, quality=quality)


def marked(text, rows, beams=()):
    return [
        (span.finding, span.kind, text[span.start_char : span.end_char]) for span in mark_text(read(text), rows, beams)
    ]


def test_every_mention_is_marked_with_its_finding_and_what_changed_as_change():
    text = "The heart is enlarged. A pleural effusion is new since the prior study. The pneumothorax has resolved. No edema."
    rows = known(pleural_effusion=Change.NEW, pneumothorax=Change.RESOLVED, cardiomegaly=Change.UNCHANGED)
    assert marked(text, rows) == [
        (HEART, "evidence", "heart is enlarged"),
        (EFFUSION, "change", "pleural effusion"),
        (EFFUSION, "change", "new"),
        (PNEUMOTHORAX, "change", "pneumothorax"),
        (PNEUMOTHORAX, "change", "resolved"),
        ("edema", "evidence", "edema"),
    ]


def test_a_summary_rests_on_all_that_it_sums_up():
    found = {finding for finding, *_ in marked("No acute abnormality.", known())}
    assert {"edema", "pneumonia", EFFUSION} <= found and HEART not in found


@pytest.mark.parametrize(
    ("finding", "beams", "sure"),
    [
        (HEART, [{HEART: State.POSITIVE}] * 2, 0.9),
        (HEART, [{HEART: State.POSITIVE}, {}], 0.9 * 0.75),
        (HEART, [{HEART: State.NEGATIVE}], 0.45),
        ("edema", [{"edema": State.NEGATIVE}], 0.9),
        (HEART, [], 0.45),
    ],
)
def test_confidence_is_the_probability_weighed_with_the_agreement_of_the_beams(finding, beams, sure):
    assert confidence([finding], known(), beams, compares=False) == pytest.approx(sure)


def test_a_comparison_is_as_sure_as_its_change_and_the_registration():
    beams = [{EFFUSION: State.POSITIVE}]
    for quality, factor in ((0.9, 0.9), (None, 0.5)):
        rows = known(quality, pleural_effusion=Change.NEW)
        assert confidence([EFFUSION], rows, beams, compares=True) == pytest.approx(0.8 * 0.5 * factor)
        assert confidence([EFFUSION], rows, beams, compares=False) == pytest.approx(0.8)


def test_the_spans_of_a_sentence_share_the_confidence_of_its_least_sure_finding():
    beams = [read("There is cardiomegaly and a pleural effusion.").states]
    spans = mark_text(read("There is cardiomegaly and a pleural effusion. No edema."), known(), beams)
    assert [span.confidence for span in spans] == pytest.approx([0.8, 0.8, 0.45])


def test_what_a_beam_sums_up_is_said_by_it():
    made = NetworkDraft("The lungs are clear.", StudyStates((), (), (), True), (), True, (Prose("Edema.", (), False),))
    clear, edema = beam_states(made)
    assert clear["atelectasis"] is State.NEGATIVE and edema["edema"] is State.POSITIVE


WORDS = "new|increased|stable|and|.|\n|no|edema|cavity|has|resolved|since|the|prior|study|lungs are clear|this"


@given(st.lists(st.sampled_from(WORDS.split("|")), max_size=12), st.sampled_from(list(Change)))
@example(["new", "edema", "\n", "\n", "increased"], Change.NEW)  # no full stop ends the first
@settings(max_examples=200, deadline=None)
def test_spans_always_mark_words(words, change):
    text = " ".join(words)
    for span in mark_text(read(text), known(edema=change), ()):
        assert span.kind in ("change", "evidence") and span.finding in FINDINGS and 0 <= span.confidence <= 1
        said = text[span.start_char : span.end_char]
        assert said == said.strip() != ""
    bare = read(strip_comparison(text))
    assert not any(sentence.comparisons for sentence in bare)
