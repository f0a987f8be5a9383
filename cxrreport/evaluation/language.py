"""BLEU, ROUGE-L and CIDEr as the literature on radiology reports computes them (pycocoevalcap's numbers, own code).

Texts are split on white space as they stand: clean them first. On normal-heavy collections these scores carry little
information (one constant report does well), so print them beside `baselines` and `clinical`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ngram = tuple[str, ...]

_TINY = 1e-15  # pycocoevalcap's constants: an order without a match scores almost, not exactly, nothing
_SMALL = 1e-9
_BETA = 1.2  # ROUGE-L's weight of recall
_SIGMA = 6.0  # width of CIDEr's length penalty, in words
_MAX_ORDER = 4


def score(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """All language scores of a corpus by name: bleu_1 … bleu_4, rouge_l (0..1) and cider (0..10).

    Raises
    ------
    ValueError : no text at all, or not one reference a hypothesis.
    """
    found = {f"bleu_{order + 1}": value for order, value in enumerate(bleu(hypotheses, references))}
    found |= {"rouge_l": rouge_l(hypotheses, references).mean(), "cider": cider(hypotheses, references).mean()}
    return {name: float(value) for name, value in found.items()}


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> Floats:
    """Corpus BLEU-1 … BLEU-4 (0..1), (4,)."""
    return bleu_from_counts(bleu_counts(hypotheses, references).sum(0))


def bleu_counts(hypotheses: Sequence[str], references: Sequence[str]) -> Floats:
    """What BLEU is made of, text by text: (n, 10) = matches and n-grams by order, both lengths."""
    _check(hypotheses, references)
    return np.array([_bleu_row(h.split(), r.split()) for h, r in zip(hypotheses, references)], np.float64)


def _bleu_row(words: list[str], reference: list[str]) -> list[int]:
    orders = range(1, _MAX_ORDER + 1)
    matched = [(_ngrams(words, order) & _ngrams(reference, order)).total() for order in orders]
    return [*matched, *(max(0, len(words) - order + 1) for order in orders), len(words), len(reference)]


def bleu_from_counts(totals: Floats) -> Floats:
    """Summed counts (…, 2 k + 2) -> BLEU-1 … BLEU-k (…, k)."""
    orders = totals.shape[-1] // 2 - 1
    matched, guessed = totals[..., :orders], totals[..., orders:-2]
    ratio = (totals[..., -2] + _TINY) / (totals[..., -1] + _SMALL)
    short = (ratio > 1e-3) & (ratio < 1)
    penalty = np.where(short, np.exp(1 - 1 / np.where(short, ratio, 1)), ratio >= 1)
    product = np.cumprod((matched + _TINY) / (guessed + _SMALL), -1)
    scores: Floats = penalty[..., None] * product ** (1 / np.arange(1, orders + 1))
    return scores


def rouge_l(hypotheses: Sequence[str], references: Sequence[str]) -> Floats:
    """ROUGE-L F-score (0..1, beta 1.2) of each text, (n,).

    As in pycocoevalcap words are split at single spaces here: a doubled space holds an empty word.
    """
    _check(hypotheses, references)
    return np.array([_rouge_l(h.split(" "), r.split(" ")) for h, r in zip(hypotheses, references)])


def _rouge_l(words: list[str], reference: list[str]) -> float:
    common = _longest_common(reference, words)
    return (1 + _BETA**2) * common / (len(words) + _BETA**2 * len(reference))


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for column, other in enumerate(second, start=1):
            above = row[column]
            row[column] = diagonal + 1 if word == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]


def cider(hypotheses: Sequence[str], references: Sequence[str]) -> Floats:
    """CIDEr (0..10) of each text, (n,), as pycocoevalcap's `Cider`: clipped tf-idf cosine, Gaussian length penalty, sigma 6.

    Document frequencies come from the references, so each score depends on the whole corpus.
    """
    _check(hypotheses, references)
    frequency = Counter(gram for reference in references for gram in _all_ngrams(reference))
    pairs = (
        [_weights(text, frequency, math.log(len(references))) for text in pair] for pair in zip(hypotheses, references)
    )
    return np.array([10 / _MAX_ORDER * _similarity(*pair) for pair in pairs])


_Vector = tuple[list[dict[Ngram, float]], int]  # tf-idf by order, and the number of bigrams


def _weights(text: str, frequency: Counter[Ngram], log_count: float) -> _Vector:
    vectors: list[dict[Ngram, float]] = [{} for _ in range(_MAX_ORDER)]
    for gram, count in _all_ngrams(text).items():
        vectors[len(gram) - 1][gram] = count * (log_count - math.log(max(1, frequency[gram])))
    return vectors, max(0, len(text.split()) - 1)


def _similarity(first: _Vector, second: _Vector) -> float:
    penalty = math.exp(-((first[1] - second[1]) ** 2) / (2 * _SIGMA**2))
    return penalty * sum(_clipped_cosine(a, b) for a, b in zip(first[0], second[0]))


def _clipped_cosine(hypothesis: dict[Ngram, float], reference: dict[Ngram, float]) -> float:
    dot = sum(
        min(weight, reference[gram]) * reference[gram] for gram, weight in hypothesis.items() if gram in reference
    )
    norm = math.sqrt(sum(w * w for w in hypothesis.values())) * math.sqrt(sum(w * w for w in reference.values()))
    return dot / norm if norm else 0.0


def _all_ngrams(text: str) -> Counter[Ngram]:
    words = text.split()
    return sum((_ngrams(words, order) for order in range(1, _MAX_ORDER + 1)), Counter())


def _ngrams(words: Sequence[str], order: int) -> Counter[Ngram]:
    return Counter(zip(*(words[offset:] for offset in range(order))))


def _check(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses for {len(references)} references")
