"""From what the network says of a study to the text that is stored: chosen, freed of what it cannot know, true to the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from cxrreport.codes import Flag
from cxrreport.drafting.consistency import differs, follow_table, positives
from cxrreport.drafting.spans import check_comparisons
from cxrreport.findings import Change, State
from cxrreport.model.drafter import NetworkDraft
from cxrreport.model.prose import Prose
from cxrreport.reports.claims import Sentence, Text, read
from cxrreport.reports.comparison import strip_comparison
from cxrreport.reports.labels import label, strongest
from cxrreport.reports.sections import clean

_ORDERS = (1, 2, 3)  # of the n-grams by which texts are alike
Grams = Counter[tuple[str, ...]]


def final_text(
    draft: NetworkDraft, table: Mapping[str, State], references: Sequence[str], changes: Mapping[str, Change] | None = None
) -> tuple[Text, tuple[str, ...]]:  # fmt: skip
    """The text to store and its flags; an empty one where the network gave nothing usable.

    table : state of each finding. references : retrieved reports, the best first. changes : what became of each finding.
    """
    if not draft.valid:
        return read(""), ()
    # others' reports know no side and no change of this study
    chosen = choose(draft, () if draft.compared else references)
    known = dict(changes or {}) if draft.compared else {}
    text, measurement_flags = _without_measurements(read(chosen.text))
    text, comparison_flags = _without_invented_comparison(text, known)
    if not text:
        return text, ()
    text, table_flags = follow_table(text, table, references)
    # "This is new." of a sentence that went
    text, orphan_flags = _without_invented_comparison(text, known) if known else (text, ())
    flags = (*chosen.flags, *measurement_flags, *comparison_flags, *table_flags, *orphan_flags)
    return text, tuple(dict.fromkeys((*flags, Flag.TEXT_DIFFERS) if differs(text, table) else flags))


# -- which of the beams -----------------------------------------------------------------------------------------------


def choose(draft: NetworkDraft, references: Sequence[str]) -> Prose:
    """The beam that is most like the retrieved reports, with its flags; the likeliest where there are none.

    The likeliest text of a small decoder is a training report that it knows by heart. Choosing by the expected agreement
    with other texts is minimum Bayes risk decoding (Kumar and Byrne, NAACL 2004); the retrieved reports stand for the
    report that is not known. A text that the length limit has cut is chosen only where all were cut.
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


# -- what the network cannot know -------------------------------------------------------------------------------------


def _without_measurements(text: Text) -> tuple[Text, tuple[str, ...]]:
    """The network cannot measure: a sentence that gives a size was learnt by heart. It is dropped and flagged."""
    kept = [sentence for sentence in text if not sentence.measures]
    return (text, ()) if len(kept) == len(text.sentences) else (text.only(kept), (Flag.MEASUREMENT_REMOVED,))


def _without_invented_comparison(text: Text, changes: Mapping[str, Change]) -> tuple[Text, tuple[str, ...]]:
    """A clause that compares and that no change supports is dropped and flagged: without a prior all are.

    A draft that does nothing else stays as it is, its words flagged: there must be something to correct.
    """
    invented = [sentence for sentence, true in check_comparisons(text, changes) if not true]
    if not invented:
        return text, ()
    kept = _keep_supported(text, invented) if changes else strip_comparison(text.string)
    return (read(kept), (Flag.COMPARISON_REMOVED,)) if kept else (text, (Flag.COMPARISON_INVENTED,))


def _keep_supported(text: Text, invented: Sequence[Sentence]) -> str:
    """The text without these sentences; of one that asserts what no other says, what is left without the comparison."""
    named = positives(strongest((c.finding, c.state) for one in text if one not in invented for c in one.claims))
    left = ((one, strip_comparison(text.of(one)) if one in invented else text.of(one)) for one in text)
    return " ".join(said for one, said in left if one not in invented or positives(label(said)) - named)
