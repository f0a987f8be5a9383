"""Which of a study's drafts to keep: the one that is most like the retrieved reports, not the likeliest one.

The likeliest text of a small decoder is a training report that it knows by heart. Choosing by the expected agreement with
other texts instead of by probability is minimum Bayes risk decoding (Kumar and Byrne, NAACL 2004); the retrieved reports
stand for the report that is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cxrreport.codes import Flag
from cxrreport.model.drafter import NetworkDraft
from cxrreport.model.prose import Prose
from cxrreport.reports.sections import clean

_ORDERS = (1, 2, 3)
Grams = Counter[tuple[str, ...]]


def choose(draft: NetworkDraft, references: Sequence[str]) -> Prose:
    """The text of the likeliest beam or of another one, with its flags; the likeliest where there are no references.

    A text that the length limit has cut is chosen only where all were cut.
    """
    said = [Prose(draft.text, draft.flags, runaway=False), *draft.others]
    whole = [prose for prose in said if Flag.HIT_MAX_LENGTH not in prose.flags]
    known = [_grams(reference) for reference in references]
    return max(whole or said, key=lambda prose: _agreement(_grams(prose.text), known))  # the first of equals


def _grams(text: str) -> list[Grams]:
    """Counts of the word n-grams of each order."""
    words = clean(text).split()
    return [Counter(zip(*(words[i:] for i in range(order)), strict=False)) for order in _ORDERS]


def _agreement(said: list[Grams], known: Sequence[list[Grams]]) -> float:
    """Sum over references and orders of Dice's coefficient of the n-grams."""
    return sum(_dice(a, b) for reference in known for a, b in zip(said, reference, strict=True))


def _dice(a: Grams, b: Grams) -> float:
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0
