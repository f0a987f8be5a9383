"""What may be said of a study: every claim of a sentence must be borne out by the study's own table.

The rule is that a draft says what is known and nothing else. A finding is asserted where its row is positive, denied
where it is negative, doubted where it is uncertain. A side is said where a region of change shows it, a change where the
table has it, a kind of device where the prior's signed report names it and nothing has changed. What nothing tells
(a severity, a size, a place, a cause, another abnormality …) has no licence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from cxrreport.codes import Flag
from cxrreport.drafting.known import DEVICES, Known
from cxrreport.findings import OTHER, Change, State
from cxrreport.reports.claims import Claim, Sentence, Specific, Text
from cxrreport.reports.qualifiers import DENIAL, DEVICE_CHANGE, Word, find_words
from cxrreport.reports.summaries import summaries

# Kinds of specifics: what has no licence in any sentence, up to its end; what has none beside a finding that is there.
TAILS = frozenset({"tip position", "cause", "recommendation", "history", "technique", "name", "date"})
DETAILS = frozenset({"count", "place", "acuity"})
_PRONOUN = re.compile(r"(?:this|these|it|they|both)\b(?! (?:lung|hemi|hil|costo))", re.IGNORECASE)
# Words that say nothing by themselves. Any other word of a sentence must belong to a claim or to a licensed qualifier:
# "malignant", "bloody" or "displaced" is more than a table holds.
_PLAIN_WORDS = """
    a an the there is are was were be been has have had no not nor without negative for of or and in on at with within any
    evidence seen noted identified present visualized visualised demonstrated visible appears appear remains remain acute
    focal active definite definitely obvious significant radiographic radiographically finding findings cannot excluded
    possible possibly questionable questionably may represent probable probably likely suspected since prior previous
    study exam examination compared comparison interval both lung lungs heart size normal limits cardiac silhouette
    mediastinum mediastinal contour contours cardiomediastinal hilar hila pulmonary vascularity vasculature vascular clear
    otherwise chest this that these to from it process disease abnormality abnormalities cardiopulmonary again space
    airspace pleural bone bones bony osseous structures intact grossly unremarkable free air fluid which suggest suggests
    suggestive by as also but now than before change changed unchanged
"""
_PLAIN = frozenset(_PLAIN_WORDS.split())
# Names of a finding that say more than the finding.
_MORE = re.compile(
    r"malignan|metasta|neoplas|carcinoma|tumou?r|cancer|ha?emo(?:thorax|pneumo)|hydropneumo|empyema|loculated"
)
_WORD = re.compile(r"[^\W\d_]+")


# -- what is wrong with a sentence ------------------------------------------------------------------------------------


def refusals(text: Text, sentence: Sentence, known: Known) -> set[Flag]:
    """Why a sentence may not be said as it stands; empty where all that it says is licensed.

    One that speaks of the sentence before ("This is new.") never may: a finding is told with its change, in one sentence.
    """
    found = {Flag.MEASUREMENT_REMOVED} if sentence.measures else set()
    found.update(_of_specifics(text, sentence))
    asserts = any(claim.state is not State.NEGATIVE for claim in sentence.claims)
    if _unaccounted(text, sentence) or (asserts and _MORE.search(text.of(sentence).lower())):
        found.add(Flag.DETAIL_REMOVED)
    for claim in sentence.claims:
        found.update(_of_claim(claim, known))
    if any(not covered <= known.absent for _, covered in summaries(text.string, sentence)):
        found.add(Flag.DENIAL_REMOVED)
    if not compares_truly(text, sentence, known.changes):
        found.add(Flag.COMPARISON_REMOVED)
    elif _PRONOUN.match(text.string, sentence.start) or not (sentence.claims or summaries(text.string, sentence)):
        found.add(Flag.UNDECIDED_REMOVED)
    return found


def _unaccounted(text: Text, sentence: Sentence) -> bool:
    """Whether a word belongs to no claim, no qualifier and no summary, and is none of the plain ones."""
    said = text.of(sentence).lower()
    places: list[Claim | Word | Specific] = [*sentence.claims, *sentence.comparisons, *sentence.specifics]
    known = [(one.start, one.end) for one in places]
    known += [(sentence.start + word.start, sentence.start + word.end) for word in find_words(said)]
    return any(
        word.group() not in _PLAIN
        and not any(start < sentence.start + word.end() and sentence.start + word.start() < end for start, end in known)
        for word in _WORD.finditer(said)
    )


def _of_specifics(text: Text, sentence: Sentence) -> Iterator[Flag]:
    asserts = any(claim.state is not State.NEGATIVE for claim in sentence.claims)
    decided = [(claim.start, claim.end) for claim in sentence.claims]
    of_fracture = any(claim.finding == "fracture" for claim in sentence.claims)
    acute = any(covered == {"fracture"} for _, covered in summaries(text.string, sentence))
    for one in sentence.specifics:
        if one.kind in TAILS or (asserts and one.kind in DETAILS):
            yield Flag.DETAIL_REMOVED
        outside = not any(start < one.end and one.start < end for start, end in decided)
        if outside and (one.kind == "undecided" or (one.kind == "bones" and not (of_fracture or acute))):
            yield Flag.UNDECIDED_REMOVED


def _of_claim(claim: Claim, known: Known) -> Iterator[Flag]:
    if claim.finding == OTHER:
        yield Flag.UNDECIDED_REMOVED
        return
    yield from _of_state(claim, known)
    if claim.state is State.NEGATIVE and claim.change is not Change.RESOLVED:
        return
    if claim.finding == DEVICES and claim.name and claim.name not in known.kinds:
        yield Flag.UNDECIDED_REMOVED
    if claim.side and known.sides.get(claim.finding) is not claim.side:
        yield Flag.SIDE_REMOVED
    if claim.degree:
        yield Flag.DETAIL_REMOVED
    if claim.change and claim.change is not known.changes.get(claim.finding):
        yield Flag.COMPARISON_REMOVED


def _of_state(claim: Claim, known: Known) -> Iterator[Flag]:
    if claim.state is State.POSITIVE:
        said = claim.finding in known.asserted
    elif claim.state is State.NEGATIVE:
        said = claim.finding in known.absent
    else:
        said = claim.finding in known.doubtful
    if not said:
        denied = claim.state is State.NEGATIVE and claim.finding not in known.asserted
        yield Flag.DENIAL_REMOVED if denied else Flag.SENTENCE_REMOVED


# -- comparisons ------------------------------------------------------------------------------------------------------


def check_comparisons(text: Text, changes: Mapping[str, Change]) -> list[tuple[Sentence, bool]]:
    """Those of its sentences that compare with a prior, and whether the changes support them.

    A sentence speaks of the findings that it names, or if it names none ("This has increased.") of those of the sentence
    before.
    """
    checked, subject = [], set[str]()
    for sentence in text:
        subject = named(text, sentence) or subject
        if sentence.comparisons:
            checked.append((sentence, compares_truly(text, sentence, changes, subject)))
    return checked


def named(text: Text, sentence: Sentence) -> set[str]:
    """Findings that a sentence names, devices also where it tells of a removal or a placement."""
    found = {claim.finding for claim in sentence.claims}
    if not found and DEVICE_CHANGE.search(text.string, sentence.start, sentence.end):
        return {DEVICES}
    return found


def compares_truly(text: Text, sentence: Sentence, changes: Mapping[str, Change], subject: Iterable[str] = ()) -> bool:
    """Whether each word of change fits the change of a finding that is meant, and nothing else is denied.

    subject : what a sentence means that names nothing. "Has not increased" says too little. True of a sentence that does
    not compare.
    """
    if not sentence.comparisons:
        return True
    known = {changes[finding] for finding in named(text, sentence) or subject if finding in changes}
    denied = [match.start() for match in DENIAL.finditer(text.string, sentence.start, sentence.end)]
    all_meant = all(any(word.start <= place < word.end for word in sentence.changes) for place in denied)
    return bool(sentence.changes) and all_meant and all(known & {*word.meaning.fits} for word in sentence.changes)
