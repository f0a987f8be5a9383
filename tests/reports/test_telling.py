import pytest

from cxrreport.reports.telling import tellable


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("1. Heart is normal. 2. No effusion, no pneumothorax.", ["heart is normal", "no effusion, no pneumothorax"]),
        ("A nodule of 8-mm. XXXX lungs are clear.", ["lungs are clear"]),
        ("Nodule measures XXXX cm. Well-expanded lungs!", ["well-expanded lungs"]),
        ("", []),
    ],
)
def test_sentences_without_what_a_draft_cannot_know(report, said):
    assert tellable(report) == said


def test_comparisons_are_left_out():
    assert tellable("Compared to prior, the heart is larger. Lungs clear.") == ["the heart is larger", "lungs clear"]
