"""The drafts of a row judged one by one: faults beside the study's own table, and mistakes beside the signed report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cxrreport.evaluation.faults import FAULTS, count_faults
from cxrreport.evaluation.mistakes import judge, tell
from cxrreport.findings import State
from cxrreport.mistakes import Mistake
from cxrreport.reports.claims import Text, read

States = Mapping[str, State]
HEADLINE = "actionable_errors"  # wrong, missed and invented findings that would change what is done, per report


@dataclass(frozen=True)
class Judged:
    """Faults of each draft by name, and its mistakes."""

    faults: list[dict[str, int]]
    mistakes: list[list[Mistake]]

    @cached_property
    def means(self) -> dict[str, list[float]]:
        """What is averaged over the studies: actionable errors per report, and faults per 100 drafts."""
        errors = [float(sum(one.changes_what_is_done for one in found)) for found in self.mistakes]
        return {HEADLINE: errors} | {f"{name}_per_100": [100.0 * row[name] for row in self.faults] for name in FAULTS}

    def document(self) -> dict[str, dict[str, dict[str, int]]]:
        """Numbers of verdicts by tier, by the dimension in which they differ, and by finding."""
        found = [one for own in self.mistakes for one in own]
        return {
            "tiers": _cross((str(one.verdict), one.tier.name.lower()) for one in found),
            "dimensions": _cross((str(one.verdict), str(one.dimension)) for one in found if one.dimension),
            "findings": _cross((one.finding, str(one.verdict)) for one in found),
        }


def _cross(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    rows: dict[str, Counter[str]] = {}
    for row, column in pairs:
        rows.setdefault(row, Counter())[column] += 1
    return {row: dict(sorted(columns.items())) for row, columns in sorted(rows.items())}


class Judge:
    """Judges rows of texts beside the same studies; each text is read once.

    references : signed findings and impression of each study. truth : states of each.
    """

    def __init__(self, references: Sequence[str], truth: Sequence[States]) -> None:
        self._texts: dict[str, Text] = {}
        self.truth, self.told = truth, [tell(read(text)) for text in references]

    def __call__(self, drafts: Sequence[str], tables: Sequence[States]) -> Judged:
        """Judge a row. tables : the states of the network that wrote the drafts, or that stands beside them."""
        texts = [self._read(draft) for draft in drafts]
        faults = [count_faults(*row) for row in zip(texts, tables, self.truth, strict=True)]
        return Judged(faults, [judge(tell(text), told) for text, told in zip(texts, self.told, strict=True)])

    def _read(self, text: str) -> Text:
        if text not in self._texts:
            self._texts[text] = read(text)
        return self._texts[text]
