"""What every score of a set of texts is made of, study by study: sums of it give the score, weighted sums a bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxrreport.evaluation import clinical, language
from cxrreport.evaluation.clinical import RATIOS, Floats, States
from cxrreport.findings import FINDINGS

DRAWS = 1000
LEVEL = 0.95
ENOUGH = 15  # positives that make an area worth a mean
_MEANS = ("rouge_l", "cider", *(f"example_{name}" for name in RATIOS))


@dataclass(frozen=True, slots=True)
class StudyCounts:
    """Per-study counts of one row of a table.

    bleu (n, 10), means (n, k) in the order of `names`, both/predicted/actual (n, 14): findings that are positive.
    """

    bleu: Floats
    names: tuple[str, ...]
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
        found |= dict(zip(self.names, (counts @ self.means / counts.sum(1, keepdims=True)).T, strict=True))
        return found | clinical.pooled(counts @ self.both, counts @ self.predicted, counts @ self.actual)

    def points(self) -> dict[str, float]:
        """Scores of the studies as they are."""
        return {name: float(values[0]) for name, values in self.scores(np.ones((1, len(self.bleu)))).items()}

    def findings(self) -> dict[str, dict[str, float]]:
        """Precision, recall, F1 and positives of the references (support), finding by finding."""
        sums = self.both.sum(0), self.predicted.sum(0), self.actual.sum(0)
        columns = dict(zip(RATIOS, clinical.ratios(*sums))) | {"support": sums[2]}
        return {f: {name: float(c[i]) for name, c in columns.items()} for i, f in enumerate(FINDINGS)}


def count_studies(
    hypotheses: Sequence[str], references: Sequence[str], found: Sequence[States], truth: Sequence[States],
    more: Mapping[str, Sequence[float]],
) -> StudyCounts:  # fmt: skip
    """Count one row. hypotheses and references in the protocol's form; found, truth: findings of the texts and studies.

    more : what else is averaged over the studies, by name.

    Raises
    ------
    ValueError : no study, or lists of different length.
    """
    bleu, tables = language.bleu_counts(hypotheses, references), clinical.agreement(found, truth)
    columns = [language.rouge_l(hypotheses, references), language.cider(hypotheses, references)]
    others = [np.array(values, np.float64) for values in more.values()]
    means = np.stack([*columns, *clinical.by_example(*tables).T, *others], 1)
    return StudyCounts(bleu, (*_MEANS, *more), means, *tables)


def draw_counts(studies: int, seed: int = 0, draws: int = DRAWS) -> Floats:
    """How often each study comes when as many are drawn with replacement: (draws, studies), each row sums to `studies`.

    The same counts for all rows of a table make their differences paired.

    Raises
    ------
    ValueError : no study or no draw.
    """
    if studies < 1 or draws < 1:
        raise ValueError(f"{draws} draws of {studies} studies")
    generator = np.random.default_rng(seed)
    return generator.multinomial(studies, np.full(studies, 1 / studies), draws).astype(np.float64)


def interval(values: Floats) -> tuple[float, float] | None:
    """Percentile interval of resampled values (draws,); NaN draws are left out, None where there is no other."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
