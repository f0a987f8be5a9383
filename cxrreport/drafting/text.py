"""From what the network says of a study to the text that is stored: chosen, freed of what it cannot know, true to the table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cxrreport.codes import Flag
from cxrreport.drafting.consensus import choose
from cxrreport.drafting.consistency import follow_table, positives
from cxrreport.drafting.spans import judge_comparisons
from cxrreport.findings import Change, State
from cxrreport.model.drafter import NetworkDraft
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
    chosen = choose(
        draft, () if draft.compared else references
    )  # others' reports know no side and no change of this one
    measured, measurement_flags = _without_measurements(chosen.text)
    borne = dict(changes or {}) if draft.compared else {}
    seen, comparison_flags = _without_invented_comparison(measured, borne)
    if not seen:
        return "", ()
    text, table_flags = follow_table(seen, table, references)
    text, orphan_flags = (
        _without_invented_comparison(text, borne) if borne else (text, ())
    )  # "This is new." of what went
    said = _disagreement(text, table)
    flags = (*chosen.flags, *measurement_flags, *comparison_flags, *table_flags, *orphan_flags, *said)
    return text, tuple(dict.fromkeys(flags))


def _without_invented_comparison(text: str, changes: Mapping[str, Change]) -> tuple[str, tuple[str, ...]]:
    """A clause that compares and that no change bears out is dropped and flagged (temporal.md §2.6): without a prior all are.

    A draft that does nothing else stays as it is, its words flagged: there must be something to correct.
    """
    judged = judge_comparisons(text, sentences(text), mentions(text), changes)
    invented = {(start, end) for start, end, true in judged if not true}
    if not invented:
        return text, ()
    kept = _keep_borne(text, invented) if changes else strip_comparison(text)
    return (kept, (Flag.COMPARISON_REMOVED,)) if kept else (text, (Flag.COMPARISON_INVENTED,))


def _keep_borne(text: str, invented: set[tuple[int, int]]) -> str:
    """The text without these sentences; of one that asserts what no other says, what is left without the comparison."""
    said = [(text[start:end], (start, end) in invented) for start, end in sentences(text)]
    told = positives(label(" ".join(sentence for sentence, false in said if not false)))
    kept = []
    for sentence, false in said:
        left = strip_comparison(sentence) if false else sentence
        if not false or positives(label(left)) - told:
            kept.append(left)
    return " ".join(kept)


def _without_measurements(text: str) -> tuple[str, tuple[str, ...]]:
    """The network cannot measure: a sentence that gives a size was learnt by heart. It is dropped and flagged."""
    said = [text[start:end] for start, end in sentences(text)]
    kept = [sentence for sentence in said if not _MEASUREMENT.search(sentence)]
    return (text, ()) if len(kept) == len(said) else (" ".join(kept), (Flag.MEASUREMENT_REMOVED,))


def _disagreement(text: str, table: Mapping[str, State]) -> tuple[str, ...]:
    """Flag a text that says another set of positive findings than the table, which is the more reliable of the two."""
    stated, said = positives(table), positives(with_parents(label(text)))
    return () if stated <= said <= positives(with_parents(table)) else (Flag.TEXT_DIFFERS,)
