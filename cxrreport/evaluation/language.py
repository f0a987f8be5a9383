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
References = Sequence[Sequence[str]]

_TINY = 1e-15  # pycocoevalcap's constants: an order without a match scores almost, not exactly, nothing
_SMALL = 1e-9
_BETA = 1.2  # ROUGE-L's weight of recall
_SIGMA = 6.0  # width of CIDEr's length penalty, in words
_MAX_ORDER = 4


def score(hypotheses: Sequence[str], references: References) -> dict[str, float]:
    """All language scores of a corpus by name: bleu_1 … bleu_4, rouge_l (0..1) and cider (0..10)."""
    names = [f"bleu_{order}" for order in range(1, _MAX_ORDER + 1)]
    scores = dict(zip(names, bleu(hypotheses, references)))
    return {**scores, "rouge_l": rouge_l(hypotheses, references), "cider": cider(hypotheses, references)}


def bleu(hypotheses: Sequence[str], references: References) -> tuple[float, ...]:
    """Corpus BLEU-1 … BLEU-4 (0..1) with the closest reference length.

    Raises
    ------
    ValueError : no text at all, or not one list of references a hypothesis.
    """
    totals = bleu_counts(hypotheses, references).sum(0)
    return tuple(bleu_from_counts(totals).tolist())


def bleu_counts(hypotheses: Sequence[str], references: References) -> Floats:
    """What BLEU is made of, text by text: (n, 10) = matches and n-grams by order, both lengths."""
    _check(hypotheses, references)
    return np.array([_bleu_row(h.split(), group) for h, group in zip(hypotheses, references)], np.float64)


def _bleu_row(words: list[str], group: Sequence[str]) -> list[int]:
    orders = range(1, _MAX_ORDER + 1)
    lengths = [len(reference.split()) for reference in group]
    closest = min((abs(length - len(words)), length) for length in lengths)[1]
    matched = [_clipped_matches(words, group, order) for order in orders]
    return [*matched, *(max(0, len(words) - order + 1) for order in orders), len(words), closest]


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


def _clipped_matches(words: list[str], group: Sequence[str], order: int) -> int:
    best: Counter[Ngram] = Counter()
    for reference in group:
        best |= _ngrams(reference.split(), order)
    return (_ngrams(words, order) & best).total()


def rouge_l(hypotheses: Sequence[str], references: References) -> float:
    """Mean ROUGE-L F-score (0..1, beta 1.2); precision and recall are each the best over the references.

    As in pycocoevalcap words are split at single spaces here: a doubled space holds an empty word.
    """
    return float(rouge_l_each(hypotheses, references).mean())


def rouge_l_each(hypotheses: Sequence[str], references: References) -> Floats:
    """ROUGE-L of each text, (n,)."""
    _check(hypotheses, references)
    return np.array([_rouge_l(h, group) for h, group in zip(hypotheses, references)])


def _rouge_l(hypothesis: str, group: Sequence[str]) -> float:
    words = hypothesis.split(" ")
    common = [(_longest_common(reference.split(" "), words), len(reference.split(" "))) for reference in group]
    precision = max(length for length, _ in common) / len(words)
    recall = max(length / total for length, total in common)
    if precision == 0:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


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


def cider(hypotheses: Sequence[str], references: References) -> float:
    """Mean CIDEr (0..10) as pycocoevalcap's `Cider` has it: clipped tf-idf cosine, Gaussian length penalty, sigma 6.

    Document frequencies come from the references, so the score depends on the whole corpus.
    """
    return float(cider_each(hypotheses, references).mean())


def cider_each(hypotheses: Sequence[str], references: References) -> Floats:
    """CIDEr of each text, (n,), with the document frequencies of all references."""
    _check(hypotheses, references)
    frequency: Counter[Ngram] = Counter()
    for group in references:
        frequency.update({gram for reference in group for gram in _all_ngrams(reference)})
    log_count = math.log(len(references))
    scores = []
    for hypothesis, group in zip(hypotheses, references):
        vectors = _weights(hypothesis, frequency, log_count)
        similarity = sum(_similarity(vectors, _weights(r, frequency, log_count)) for r in group)
        scores.append(10.0 * similarity / (_MAX_ORDER * len(group)))
    return np.array(scores)


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


def _check(hypotheses: Sequence[str], references: References) -> None:
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses for {len(references)} groups of references")
    if not all(references):
        raise ValueError("a hypothesis has no reference")
