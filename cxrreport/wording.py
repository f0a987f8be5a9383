"""From what the network says of a study to the text that is stored: chosen, freed of what it cannot know, true to the table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cxrreport.consensus import choose
from cxrreport.consistency import follow_table, positives
from cxrreport.highlight.spans import judge_comparisons
from cxrreport.model.drafter import NetworkDraft
from cxrreport.records import Change, State
from cxrreport.reports.comparison import strip_comparison
from cxrreport.reports.labels import label, mentions, with_parents
from cxrreport.reports.sentences import sentences

_MEASUREMENT = re.compile(r"\d\s*(?:mm|cm|millimet|centimet)", re.IGNORECASE)


def word(
    draft: NetworkDraft, table: Mapping[str, State], references: Sequence[str], changes: Mapping[str, Change] | None = None
) -> tuple[str, tuple[str, ...]]:  # fmt: skip
    """The text to store and its flags; "" where the network gave nothing usable.

    table : state of each finding. references : retrieved reports, the best first. changes : what became of each finding.
    """
    if not draft.valid:
        return "", ()
    chosen = choose(draft, references)
    measured, measurement_flags = _without_measurements(chosen.text)
    borne = dict(changes or {}) if draft.compared else {}
    seen, comparison_flags = _without_invented_comparison(measured, borne)
    if not seen:
        return "", ()
    text, table_flags = follow_table(seen, table, references)
    said = _disagreement(text, table)
    return text, (*chosen.flags, *measurement_flags, *comparison_flags, *table_flags, *said)


def _without_invented_comparison(text: str, changes: Mapping[str, Change]) -> tuple[str, tuple[str, ...]]:
    """A clause that compares and that no change bears out is dropped and flagged (temporal.md §2.6): without a prior all are.

    A draft that does nothing else stays as it is, its words flagged: there must be something to correct.
    """
    judged = judge_comparisons(text, sentences(text), mentions(text), changes)
    if all(true for *_, true in judged):
        return text, ()
    kept, at = [], 0
    for start, end, _ in (one for one in judged if one[-1]):  # what lies between sentences that are true
        kept += [strip_comparison(text[at:start]), text[start:end]]
        at = end
    said = " ".join(part for part in (*kept, strip_comparison(text[at:])) if part.strip())
    return (said, ("comparison_removed",)) if said else (text, ("comparison_invented",))


def _without_measurements(text: str) -> tuple[str, tuple[str, ...]]:
    """The network cannot measure: a sentence that gives a size was learnt by heart. It is dropped and flagged."""
    said = [text[start:end] for start, end in sentences(text)]
    kept = [sentence for sentence in said if not _MEASUREMENT.search(sentence)]
    return (text, ()) if len(kept) == len(said) else (" ".join(kept), ("measurement_removed",))


def _disagreement(text: str, table: Mapping[str, State]) -> tuple[str, ...]:
    """Flag a text that says another set of positive findings than the table, which is the more reliable of the two."""
    stated, said = positives(table), positives(with_parents(label(text)))
    return () if stated <= said <= positives(with_parents(table)) else ("text_differs",)
