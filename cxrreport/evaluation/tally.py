"""What every score of a set of texts is made of, study by study: sums of it give the score, weighted sums a bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrreport.evaluation import clinical, language
from cxrreport.findings import FINDINGS, State

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_BLEU = 10  # matches and n-grams of four orders, two lengths
_MEANS = ("rouge_l", "cider", "example_precision", "example_recall", "example_f1", "hallucination_rate", "copied_share")


@dataclass(frozen=True, slots=True)
class Tally:
    """Per-study counts of one row of a table.

    bleu (n, 10), means (n, 7) in the order of `_MEANS`, both/predicted/actual (n, 14): findings that are positive.
    """

    bleu: Floats
    means: Floats
    both: Floats
    predicted: Floats
    actual: Floats

    def scores(self, counts: Floats) -> dict[str, Floats]:
        """Scores by name, each (draws,), where study i counts `counts[:, i]` times; counts (draws, n).

        CIDEr keeps the document frequencies of the studies as they are.
        """
        bleu = language.bleu_from_counts(counts @ self.bleu)
        found = {f"bleu_{order + 1}": bleu[:, order] for order in range(bleu.shape[1])}
        found |= dict(zip(_MEANS, (counts @ self.means / counts.sum(1, keepdims=True)).T, strict=True))
        sums = counts @ self.both, counts @ self.predicted, counts @ self.actual
        found |= _named("micro", *(s.sum(1, keepdims=True) for s in sums))
        return found | _named("macro", *sums)

    def points(self) -> dict[str, float]:
        """Scores of the studies as they are."""
        return {name: float(values[0]) for name, values in self.scores(np.ones((1, len(self.bleu)))).items()}

    def findings(self) -> dict[str, dict[str, float]]:
        """Precision, recall, F1 and positives of the references (support), finding by finding."""
        sums = self.both.sum(0), self.predicted.sum(0), self.actual.sum(0)
        columns = dict(zip(("precision", "recall", "f1"), clinical.ratios(*sums))) | {"support": sums[2]}
        return {f: {name: float(c[i]) for name, c in columns.items()} for i, f in enumerate(FINDINGS)}


def tally(
    hypotheses: Sequence[str], references: Sequence[str],
    said: Sequence[Mapping[str, State]], truth: Sequence[Mapping[str, State]],
    hallucinated: Sequence[bool], copied: Sequence[bool],
) -> Tally:  # fmt: skip
    """Count one row. hypotheses and references in the protocol's form; said, truth: findings of the texts and studies.

    Raises
    ------
    ValueError : no study, or lists of different length.
    """
    groups = [[reference] for reference in references]
    bleu = language.bleu_counts(hypotheses, groups)
    predicted, actual = clinical.positives(said), clinical.positives(truth)
    both = predicted & actual
    example = clinical.ratios(*(table.sum(1).astype(np.float64) for table in (both, predicted, actual)))
    columns = [language.rouge_l_each(hypotheses, groups), language.cider_each(hypotheses, groups), *example]
    means = np.stack([*columns, np.array(hallucinated, np.float64), np.array(copied, np.float64)], 1)
    return Tally(bleu, means, *(table.astype(np.float64) for table in (both, predicted, actual)))


def _named(kind: str, both: Floats, predicted: Floats, actual: Floats) -> dict[str, Floats]:
    """Ratios, averaged over the last axis."""
    names = (f"{kind}_precision", f"{kind}_recall", f"{kind}_f1")
    return {name: ratio.mean(1) for name, ratio in zip(names, clinical.ratios(both, predicted, actual))}
