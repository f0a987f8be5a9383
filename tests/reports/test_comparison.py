"""Comparison is taken out of a text, and the findings stay."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.reports.claims import has_comparison
from cxrreport.reports.comparison import plain_sentences, strip_comparison


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Unchanged cardiomegaly.", "Cardiomegaly."),
        ("Stable mild cardiomegaly.", "Mild cardiomegaly."),
        ("Compared with the prior exam, there is a new left effusion.", "There is a left effusion."),
        ("Right effusion has increased since the prior study.", "Right effusion."),
        ("No new consolidation. Heart is normal.", "No consolidation. Heart is normal."),
        ("Heart is unchanged. Lungs are clear.", "Lungs are clear."),
        ("Lungs are clear. No significant interval change.", "Lungs are clear."),
        ("The lungs remain clear.", "The lungs are clear."),
        ("Surgical clips are again noted.", "Surgical clips are noted."),
        ("There is an unchanged right effusion.", "There is a right effusion."),
        ("The pneumothorax has resolved. Clear lungs.", "Clear lungs."),
        ("The effusion is larger. No pneumothorax has developed.", "Effusion. No pneumothorax."),
        ("There is increased size of the left effusion.", "There is left effusion."),
        ("Heart is enlarged but stable, with stable mediastinal contours.", "Heart is enlarged."),
        ("The silhouette is stable and within normal limits.", "The silhouette is within normal limits."),
        ("Normal and stable cardiac contours. Stable chest.", "Normal cardiac contours."),
        ("Stable position of the left subclavian catheter.", "Left subclavian catheter."),
        ("Right effusion, slightly worse. Mild, stable cardiomegaly.", "Right effusion. Mild cardiomegaly."),
        ("An opacity has developed in the right lung.", "An opacity in the right lung."),
    ],
)
def test_comparison_goes_and_the_finding_stays(text, expected):
    assert strip_comparison(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Evidence of prior granulomatous disease.",
        "Status post prior surgery.",
        "The patient is hemodynamically stable.",
        "Changes of previous CABG.\n\nLungs  are clear.",
    ],
)
def test_history_is_no_comparison(text):
    assert not has_comparison(text)
    assert strip_comparison(text) == text


PHRASES = (
    "the|heart|is|unchanged|stable|new|effusion|since|prior|study|no|change|.|,|again|seen|increased|in|compared|to"
)
WORDS = st.sampled_from([*PHRASES.split("|"), "lungs", "remain", "clear", "interval", "resolved", "has"])


@given(st.lists(WORDS, max_size=14))
@settings(max_examples=200, deadline=None)
def test_nothing_stripped_compares_any_more(words):
    assert not has_comparison(strip_comparison(" ".join(words)))


def test_real_reports_are_freed_of_comparison(iu_rows):
    texts = [row["findings"] for row in iu_rows if row["split"] == "train"]
    stripped = [strip_comparison(text) for text in texts]
    assert not any(map(has_comparison, stripped))
    untouched = [(a, b) for a, b in zip(texts, stripped) if not has_comparison(a)]
    assert len(untouched) > 1000 and all(after == before for before, after in untouched)
    assert sum(not text for text in stripped) < 0.01 * len(texts)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("1. Heart is normal. 2. No effusion, no pneumothorax.", ["heart is normal", "no effusion, no pneumothorax"]),
        ("A nodule of 8-mm. XXXX lungs are clear. The XXXX are intact. Heart is normal.", ["heart is normal"]),
        ("Nodule measures XXXX cm. Well-expanded lungs!", ["well-expanded lungs"]),
        ("Compared to prior, the heart is larger. Lungs clear.", ["lungs clear"]),
        ("", []),
    ],
)
def test_sentences_without_what_a_draft_cannot_know(report, said):
    assert plain_sentences(report) == said
