"""Sentences with holes are told from whole ones; a summary denies all that it sums up."""

import pytest

from cxrreport.findings import ACUTE, PATHOLOGIES, PULMONARY
from cxrreport.reports.claims import read
from cxrreport.reports.summaries import summaries
from cxrreport.reports.whole import is_whole


@pytest.mark.parametrize(
    "sentence",
    [
        "The right chest tip is visualized.",
        "And soft tissues are unremarkable.",
        "Cardiomegaly and mediastinal contour.",
        "The are intact.",
        "Unremarkable.",
        "Is normal in size.",
        "Heart size and pulmonary are normal.",
        "There are scattered of subsegmental atelectasis.",
        "Frontal and lateral views show a cardiomediastinal silhouette.",
        "Normal mediastinal contour, pulmonary and vasculature.",
        "There is no focal.",
        "The heart is normal and.",
        "Followup chest x- is recommended.",
        "The XXXX are unremarkable.",
        "There is a of the left.",
        "Lungs are hypoinflated with blunted costophrenic.",
        "",
    ],
)
def test_a_sentence_with_a_hole_or_without_a_verb_is_none(sentence):
    assert not is_whole(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The heart is normal in size.",
        "No pneumothorax or pleural effusion.",
        "Negative for pleural effusion.",
        "Normal heart size and mediastinal contours.",
        "Heart size within normal limits.",
        "Lungs clear.",
        "The catheter tip is in the SVC.",
        "The tip of the catheter is seen.",
        "The heart is of normal size.",
        "In both lungs there are opacities.",
        "Indeterminate: no finding is certain enough to be called.",
        "Both lungs are clear and expanded.",
    ],
)
def test_a_plain_sentence_is_whole(sentence):
    assert is_whole(sentence)


def test_most_sentences_of_real_reports_are_whole(iu_rows):
    texts = [row["findings"] for row in iu_rows if row["split"] == "train"][:500]
    said = [text.of(sentence) for text in map(read, texts) for sentence in text if "XXXX" not in text.of(sentence)]
    assert sum(map(is_whole, said)) / len(said) > 0.85  # "Thoracic spondylosis." has no verb


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("No acute cardiopulmonary abnormality.", [ACUTE]),
        ("The lungs are clear.", [PULMONARY]),
        ("Clear lungs.", [PULMONARY]),
        ("The heart and lungs are normal.", [PULMONARY | {"cardiomegaly"}]),
        ("Normal chest.", [PATHOLOGIES]),
        ("No acute bony abnormality.", [{"fracture"}]),
        ("No acute infiltrate.", []),  # denies that alone
        ("No pleural effusion.", []),
    ],
)
def test_a_summary_denies_all_that_it_sums_up(text, covered):
    (sentence,) = read(text)
    assert [findings for _, findings in summaries(text, sentence)] == covered
