"""Make the text of a draft say what its table of findings says.

The table comes from a classifier and is the more reliable of the two: a decoder that has read mostly normal reports
leaves out what is rare. A sentence of the text that contradicts the table goes; for a positive finding that the text does
not name, a sentence of a retrieved report comes in, or where none tells of it, plain words. All is flagged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from cxrreport.codes import Flag
from cxrreport.findings import FINDINGS, NAMES, State, most_particular
from cxrreport.reports.labels import label, with_parents
from cxrreport.reports.sections import has_comparison
from cxrreport.reports.sentences import sentences
from cxrreport.reports.telling import tellable

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
_SIDE = re.compile(r"\b(?:left|right|bilateral\w*|unilateral\w*)\b")  # another patient's side must not come along


def follow_table(
    text: str, table: Mapping[str, State], references: Sequence[str]
) -> tuple[str, tuple[str, ...]]:  # fmt: skip
    """The mended text and its flags.

    Parameters
    ----------
    text : prose of the decoder.
    table : state of each finding.
    references : retrieved reports, the best first; their sentences are lent where they name a finding plainly, no other
        that the table lacks, no side and no change.
    """
    wanted, allowed = positives(table), positives(with_parents(table))
    said = [text[start:end] for start, end in sentences(text)]
    kept = [sentence for sentence in said if not _contradicts(sentence, wanted, allowed)]
    borrowed = _borrow(_missing(wanted, kept), allowed, references)
    missing = _missing(wanted, [*borrowed, *kept])
    named = [_name(finding) for finding in most_particular([f for f in FINDINGS if f in missing])]
    done = (
        (Flag.SENTENCE_REMOVED, len(kept) < len(said)),
        (Flag.SENTENCE_BORROWED, bool(borrowed)),
        (Flag.FINDING_NAMED, bool(named)),
    )
    mended = " ".join([*borrowed, *named, *kept])
    return (mended, tuple(flag for flag, has in done if has)) if mended else (text, ())


def _missing(wanted: set[str], told: Sequence[str]) -> set[str]:
    """Findings of the table that the sentences do not name; one that a more particular finding implies is named by it."""
    return wanted - positives(with_parents(label(" ".join(told))))


def _name(finding: str) -> str:
    verb = "are" if finding.endswith("devices") else "is"
    return f"{NAMES.get(finding, finding).capitalize()} {verb} seen."


def positives(states: Mapping[str, State]) -> set[str]:
    """Positive findings, "no finding" aside."""
    return {finding for finding, state in states.items() if state is State.POSITIVE and finding != "no finding"}


def _contradicts(sentence: str, wanted: set[str], allowed: set[str]) -> bool:
    """It asserts what the table lacks, or denies what the table has and asserts nothing."""
    states = label(sentence)
    asserted = positives(states)
    denied = {finding for finding, state in states.items() if state is State.NEGATIVE}
    return not asserted <= allowed or (not asserted and (bool(denied & wanted) or _denies_all(sentence, wanted)))


def _denies_all(sentence: str, wanted: set[str]) -> bool:
    """It calls the whole chest normal, or free of what is acute, and the table does not."""
    abnormal = wanted - {"support devices"}
    return bool(abnormal and _NORMAL.search(sentence)) or bool(abnormal & _ACUTE and _NOTHING_ACUTE.search(sentence))


def _borrow(missing: set[str], allowed: set[str], references: Iterable[str]) -> list[str]:
    """Sentences for missing findings from the nearest references that have any."""
    found: list[str] = []
    for reference in references:
        for sentence in tellable(reference) if missing else ():
            asserted = positives(label(sentence))
            if asserted & missing and asserted <= allowed and _is_plain(sentence):
                found.append(f"{sentence[0].upper()}{sentence[1:]}.")
                missing = missing - positives(with_parents(label(sentence)))
    return found


def _is_plain(sentence: str) -> bool:
    return (
        _SHORTEST <= len(sentence.split()) <= _LONGEST and not _SIDE.search(sentence) and not has_comparison(sentence)
    )
