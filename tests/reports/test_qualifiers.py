"""The table of words: a word of change does not survive a study without a prior, what does not compare does."""

import re
from itertools import product
from re import _parser  # the only reader of regular expressions that knows all that ours say

import pytest

from cxrreport.drafting.known import know
from cxrreport.drafting.text import final_text
from cxrreport.drafting.wording_file import default_wording
from cxrreport.drafts import Finding
from cxrreport.findings import CHANGED, Change
from cxrreport.model.drafter import NetworkDraft, StudyStates
from cxrreport.reports.claims import has_comparison, read
from cxrreport.reports.comparison import strip_comparison
from cxrreport.reports.labels import label
from cxrreport.reports.qualifiers import MEASUREMENT, QUALIFIERS, compares_always, find_words

WORDS_OF_FINDINGS = (
    "pleural effusion", "pneumothorax", "pulmonary edema", "consolidation", "atelectasis", "pneumonia", "cardiomegaly",
    "rib fracture", "pleural thickening", "central line",
)  # fmt: skip
FRAMES = (
    "The {finding} is {word}.",
    "There is a small {finding}, {word}.",
    "The heart is normal. The {finding} on the left {word}, and the trachea is midline.",
    "{word} {finding}.",
    "The {finding} is {word} on the left.",
    "The heart is normal. {finding}, {word} in the right base.",
)


def variants(pattern, full):
    """What a regular expression matches: every branch, with all that is optional or without any of it."""
    return {"".join(parts) for parts in product(*(_of_part(part, full) for part in pattern))}


def _of_part(part, full):
    kind, value = str(part[0]), part[1]
    if kind == "LITERAL":
        return [chr(value)]
    if kind == "IN":
        return [next((chr(v) for k, v in value if str(k) == "LITERAL"), "q")]
    if kind == "BRANCH":
        return set().union(*(variants(branch, full) for branch in value[1]))
    if kind == "SUBPATTERN":
        return variants(value[3], full)
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        low, high, inner = value
        return variants(list(inner) * (max(low, min(int(high), 1)) if full else low), full)
    return [""]  # what is only looked at


def words_of(row):
    parsed = _parser.parse(row.words)
    return sorted(word for word in variants(parsed, True) | variants(parsed, False) if find_words(word))


def drafted(text):
    """The stored text of a study without a prior, and its flags; the table says what the text says."""
    known = know([Finding(finding, state, 0.5) for finding, state in label(text).items()])
    made = NetworkDraft(text, StudyStates((), (), (), True), (), True, ())
    stored, flags = final_text(made, known, [], default_wording(), "1.2.3")
    return stored.string, flags


@pytest.mark.parametrize("row", [row for row in QUALIFIERS if row.compares], ids=lambda row: row.words[:40])
def test_no_word_that_compares_survives_a_study_without_a_prior(row):
    words = words_of(row)
    assert words
    for number, (frame, word) in enumerate(product(FRAMES, words)):
        if not frame.endswith("{word}.") and word.endswith(("prior", "previous", "before")):
            continue  # no English
        said = frame.format(finding=WORDS_OF_FINDINGS[number % len(WORDS_OF_FINDINGS)], word=word)
        text, flags = drafted(said)
        assert {"comparison_removed", "sentence_broken"} & {*flags} and text and not has_comparison(text), (said, text)
        assert not re.search(rf"\b{re.escape(word)}\b", text.lower()), (said, text)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("The pleural effusion is worse on the left.", "Pleural effusion on the left."),
        ("Pneumonia has gotten worse on the left.", "Pneumonia on the left."),
        ("Pleural effusion, larger in the right base.", "Pleural effusion in the right base."),
        ("The left effusion is smaller at the left base.", "Left effusion at the left base."),
        ("The left effusion has doubled.", "Left effusion."),
        ("Right effusion, unaltered.", "Right effusion."),
        ("The left effusion has re-accumulated.", "Left effusion."),
        ("The edema has lessened.", "Edema."),
        ("The effusion is greater.", "Effusion."),
        ("Residual pneumothorax.", "Pneumothorax."),
        ("No residual pneumothorax.", "No pneumothorax."),
        ("Recurrent left effusion.", "Left effusion."),
        ("Clear heart. The right lung has re-expanded.", "Clear heart."),
        ("There is more edema.", "There is edema."),
        ("There is less pleural fluid on the left.", "There is pleural fluid on the left."),
        ("Larger left lung mass.", "Left lung mass."),
    ],
)
def test_a_place_does_not_excuse_a_comparison(said, kept):
    assert strip_comparison(said) == kept


@pytest.mark.parametrize(
    "text",
    ["Status post prior surgery.", "Evidence of previous granulomatous disease.", "The patient is hemodynamically stable.",
     "Seen in New York.", "Interval follow-up recommended.", "The heart is larger than normal.",
     "Increased interstitial markings.", "Increased opacity in the right base.", "Decreased lung volumes.",
     "The lung volumes are decreased.", "Pulmonary vascularity is increased.", "Increased AP diameter of the chest.",
     "Opacities in both bases, left worse than right.", "Atelectasis, more prominent on the left than on the right.",
     "Effusions, larger in the left base than in the right base.", "Residual contrast in the stomach.",
     "Residual radiopaque sutures.",
     "The left effusion is greater than the right.", "Several smaller nodules.",
     "The larger nodule is calcified.", "Follow up to ensure resolution.", "Reduced inspiration with atelectasis.",
     "Degenerative changes of the spine.", "No degenerative changes in the spine.", "Residuals of prior infection.",
     "The remaining lungs are clear.", "Changes after removal of the left lung."],
)  # fmt: skip
def test_what_does_not_compare_survives(text):
    assert not has_comparison(text)
    assert strip_comparison(text) == text


@pytest.mark.parametrize(
    ("text", "compares"),
    [
        ("Increased pleural effusion.", True),
        ("No increased pleural effusion.", False),
        ("The opacity is increased.", True),
        ("Increased size of the left pneumothorax.", True),
        ("Heart size is increased.", False),  # it is large
        ("Heart size has increased.", True),
        ("Lung volumes are decreased from the prior.", True),
    ],
)
def test_increased_compares_beside_what_need_not_be_there(text, compares):
    assert has_comparison(text) == compares


def test_every_change_of_the_table_can_be_said():
    assert {change for row in QUALIFIERS for change in row.fits} == {*CHANGED, Change.UNCHANGED}


@pytest.mark.parametrize(
    "text", ["An 8-mm nodule.", "An 8 mm nodule.", "A nodule of 1.2 centimeters.", "Measures XXXX cm."]
)
def test_sizes_in_numbers_are_measurements_however_they_are_written(text):
    (sentence,) = read(text)
    assert sentence.measures and not MEASUREMENT.search("T8 is intact, 3 nodules.")
    left, flags = drafted(f"There is {text[0].lower()}{text[1:]} There is no pneumothorax.")
    assert {"measurement_removed", "sentence_broken"} & {*flags}
    assert "pneumothorax" in left and not MEASUREMENT.search(left)


def test_the_decoder_is_kept_from_words_that_compare_whatever_follows():
    words = "unchanged improved stable interval new remains larger increased heart prior worse decreased similar"
    assert [word for word in words.split() if compares_always(word)] == ["unchanged", "improved", "stable"]
