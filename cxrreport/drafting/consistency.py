"""Make the text of a draft say what its table of findings says, and find where it does not.

The table comes from a classifier and is the more reliable of the two: a decoder that has read mostly normal reports
leaves out what is rare. A sentence of the text that contradicts the table goes; for a positive finding that the text does
not name, a sentence of a retrieved report comes in, or where none names it, plain words. All is flagged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from cxrreport.codes import Flag
from cxrreport.drafts import Region
from cxrreport.findings import FINDINGS, NAMES, State, most_particular
from cxrreport.reports.claims import Sentence, Text, has_comparison, read
from cxrreport.reports.comparison import plain_sentences
from cxrreport.reports.labels import label, strongest, with_parents
from cxrreport.reports.qualifiers import Side, find_words

_SHORTEST, _LONGEST = 3, 20  # words of a borrowed sentence: a stump says nothing, a long one another patient's story
_NORMAL = re.compile(
    r"\b(?:normal|unremarkable|negative|clear) (?:chest|(?:chest )?(?:radiographs?|x-?rays?|films?|exam\w*|stud(?:y|ies)))\b"
    r"|\bchest (?:is|appears?) (?:normal|unremarkable|negative|clear)\b",
    re.IGNORECASE,
)
_NOTHING_ACUTE = re.compile(
    r"\b(?:no|without|negative for)(?: \w+ of)?(?: any)? (?:acute|active)(?:,? (?:or|and) \w+)? "
    r"(?:cardio\w*|pulmonary|lung|chest|\w*thoracic|diseases?|process\w*|findings?|abnormalit\w+|radiographic)\b",
    re.IGNORECASE,
)
_ACUTE = {"edema", "consolidation", "pneumonia", "pneumothorax", "pleural effusion"}
_MIDDLE = 0.08  # of the width on either side of the midline, where a box is on neither


def follow_table(text: Text, table: Mapping[str, State], references: Sequence[str]) -> tuple[Text, tuple[str, ...]]:
    """The mended text and its flags.

    Parameters
    ----------
    text : prose of the decoder.
    table : state of each finding.
    references : retrieved reports, the best first; their sentences are borrowed where they name a finding plainly, no other
        that the table lacks, no side and no change.
    """
    wanted, allowed = positives(table), _named(table)
    kept = [sentence for sentence in text if not _contradicts(text, sentence, wanted, allowed)]
    missing = wanted - _named(strongest((c.finding, c.state) for sentence in kept for c in sentence.claims))
    borrowed = _borrow(missing, allowed, references)
    missing -= _named(label(" ".join(borrowed)))
    named = [_name(finding) for finding in most_particular([f for f in FINDINGS if f in missing])]
    done = (
        (Flag.SENTENCE_REMOVED, len(kept) < len(text.sentences)),
        (Flag.SENTENCE_BORROWED, bool(borrowed)),
        (Flag.FINDING_NAMED, bool(named)),
    )
    mended = read(" ".join([*borrowed, *named, *map(text.of, kept)]))
    return (mended, tuple(flag for flag, has in done if has)) if mended else (text, ())


def _named(states: Mapping[str, State]) -> set[str]:
    """Positive findings, and those that they imply: who names the more particular one names them."""
    return positives(with_parents(states))


def _name(finding: str) -> str:
    verb = "are" if finding.endswith("devices") else "is"
    return f"{NAMES.get(finding, finding).capitalize()} {verb} seen."


def positives(states: Mapping[str, State]) -> set[str]:
    """Positive findings, "no finding" aside."""
    return {finding for finding, state in states.items() if state is State.POSITIVE and finding != "no finding"}


def _contradicts(text: Text, sentence: Sentence, wanted: set[str], allowed: set[str]) -> bool:
    """It asserts what the table lacks, or denies what the table has and asserts nothing."""
    states = sentence.states
    asserted = positives(states)
    denied = {finding for finding, state in states.items() if state is State.NEGATIVE}
    return not asserted <= allowed or (
        not asserted and (bool(denied & wanted) or _denies_all(text.of(sentence), wanted))
    )


def _denies_all(sentence: str, wanted: set[str]) -> bool:
    """It calls the whole chest normal, or free of what is acute, and the table does not."""
    abnormal = wanted - {"support devices"}
    return bool(abnormal and _NORMAL.search(sentence)) or bool(abnormal & _ACUTE and _NOTHING_ACUTE.search(sentence))


def _borrow(missing: set[str], allowed: set[str], references: Iterable[str]) -> list[str]:
    """Sentences for missing findings from the nearest references that have any."""
    found: list[str] = []
    for reference in references:
        for sentence in plain_sentences(reference) if missing else ():
            asserted = positives(label(sentence))
            if asserted & missing and asserted <= allowed and _is_plain(sentence):
                found.append(f"{sentence[0].upper()}{sentence[1:]}.")
                missing = missing - _named(label(sentence))
    return found


def _is_plain(sentence: str) -> bool:
    """Neither a stump nor a story, and of no side: another patient's must not come along."""
    fits = _SHORTEST <= len(sentence.split()) <= _LONGEST
    return fits and not has_comparison(sentence) and not any(word.meaning.side for word in find_words(sentence))


def differs(text: Text, table: Mapping[str, State]) -> bool:
    """Whether a text says another set of positive findings than the table; what a finding implies may be said or not."""
    stated, said = positives(table), _named(text.states)
    return not stated <= said <= _named(table)


def wrong_sides(text: Text, regions: Sequence[Region], width: int) -> tuple[str, ...]:
    """Findings of which the text names the side on which none of their changes is seen: the fault that harms most.

    regions : boxes on a frontal image of `width` pixels, whose left half is the right side of the patient. Only those of
        kind "change" count: what is called evidence lies too loosely.
    """
    seen: dict[str, set[str]] = {}
    for region in regions:
        if region.kind == "change" and region.finding is not None:
            seen.setdefault(region.finding, set()).add(_side((region.x + region.w / 2) / width))
    opposite = {Side.LEFT: {"right"}, Side.RIGHT: {"left"}}
    return tuple(finding for finding, side in text.sides.items() if seen.get(finding, ()) == opposite.get(side))


def _side(place: float) -> str:
    """The patient's side at a place across the image, 0..1."""
    if abs(place - 0.5) < _MIDDLE:
        return "middle"
    return "right" if place < 0.5 else "left"
