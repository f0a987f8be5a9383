"""A network that drafts, told which words compare."""

from __future__ import annotations

from cxrreport.model.drafter import Drafter
from cxrreport.model.generation import Decoding
from cxrreport.model.tokens import ReportTokenizer
from cxrreport.model.weights import Weights
from cxrreport.reports.words import COMPARISON

_RESTS = ("", " of", " follow", " york")  # behind which some words do not compare


def open_drafter(weights: Weights, decoding: Decoding | None = None) -> Drafter:
    """A drafter that never writes a word of comparison without a prior."""
    return Drafter(weights, decoding, comparing_words(weights.tokenizer))


def comparing_words(tokenizer: ReportTokenizer) -> list[int]:
    """Ids of the words that compare with a prior whatever follows ("unchanged").

    The rest ("interval follow-up", "new" at the end) is for who reads the sentence.
    """
    return tokenizer.words(lambda word: all(COMPARISON.search(word + rest) for rest in _RESTS))
