"""Which words of two texts speak of what they tell otherwise."""

from __future__ import annotations

import pytest

from cxrreport.trust.disagreements import spans

TEXT = "There is a small left pleural effusion. No pneumothorax. Mild scoliosis."


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("pleural effusion", ""), ["small left pleural effusion"]),
        (("pneumothorax", ""), ["pneumothorax"]),
        (("other abnormality", "scoliosis"), ["Mild scoliosis"]),
        (("other abnormality", "hiatal hernia"), []),
        (("edema", ""), []),
    ],
)
def test_words_of_a_finding_are_marked_with_what_belongs_to_them(key: tuple[str, str], words: list[str]) -> None:
    assert [TEXT[span.start_char : span.end_char] for span in spans(TEXT, {key})] == words
