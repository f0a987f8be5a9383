"""What a drafting model has to beat, and the counts that unmask a model which only recites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from cxrreport.reports.sections import has_comparison

_CANDIDATES = 50


def constant_report(
    train_texts: Sequence[str],
    val_texts: Sequence[str],
    score: Callable[[Sequence[str], Sequence[Sequence[str]]], float],
) -> str:
    """Give the one training report which, repeated for every study, scores best on the validation set.

    Only the 50 most frequent texts are tried; the more frequent wins a tie.

    Parameters
    ----------
    score : takes hypotheses and their groups of references, for example `lambda h, r: language.bleu(h, r)[3]`.
    """
    if not train_texts or not val_texts:
        raise ValueError("a constant report needs training and validation reports")
    references = [[text] for text in val_texts]
    candidates = [text for text, _ in Counter(train_texts).most_common(_CANDIDATES)]
    return max(candidates, key=lambda text: score([text] * len(references), references))


def hallucination_rate(texts: Sequence[str]) -> float:
    """Share (0..1) of drafts that speak of a comparison; give it the drafts of studies without a prior."""
    return sum(map(has_comparison, texts)) / len(texts) if texts else 0.0


def distinct(texts: Sequence[str]) -> int:
    """Count the different drafts, whitespace and case aside."""
    return len(set(map(normal, texts)))


def normal(text: str) -> str:
    """White space and case aside."""
    return " ".join(text.lower().split())
