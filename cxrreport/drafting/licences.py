"""What may be said of a study: every claim of a sentence must be borne out by the study's own table.

The rule is that a draft says what is known and nothing else. A finding is asserted where its row is positive, denied
where it is negative, doubted where it is uncertain. A side is said where a region of change shows it, a change where the
table has it, a kind of device where the prior's signed report names it and nothing has changed. What nothing tells
(a severity, a size, a place, a cause, another abnormality …) has no licence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cxrreport.codes import Flag
from cxrreport.drafts import Finding, Region
from cxrreport.findings import OTHER, PARENTS, Change, State
from cxrreport.reports.claims import Claim, Sentence, Specific, Text
from cxrreport.reports.qualifiers import DENIAL, DEVICE_CHANGE, Side, Word, find_words
from cxrreport.reports.summaries import summaries

DEVICES = "support devices"
_HEDGED = 0.2  # probability from which on a doubt is worth a sentence: almost anything "cannot be excluded"
_MIDDLE = 0.08  # of the width on either side of the midline, where a box is on neither
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
# State of the prior and of now without which a change is none.
_BEFORE_AND_NOW = {
    Change.NEW: ({State.NEGATIVE, State.BLANK}, {State.POSITIVE}),
    Change.WORSENED: ({State.POSITIVE}, {State.POSITIVE}),
    Change.IMPROVED: ({State.POSITIVE}, {State.POSITIVE}),
    Change.UNCHANGED: ({State.POSITIVE}, {State.POSITIVE}),
    Change.RESOLVED: ({State.POSITIVE}, {State.NEGATIVE}),
}


@dataclass(frozen=True, slots=True)
class Known:
    """All that a text of one study may rest on.

    rows : the table, by finding. sides : of the findings of which a region of change shows one. kinds : of devices.
    quality : of the registration, 0..1; None where the prior does not lie on the current film.
    """

    rows: Mapping[str, Finding]
    sides: Mapping[str, Side] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    quality: float | None = None

    @property
    def states(self) -> dict[str, State]:
        """State of each finding."""
        return {finding: row.state for finding, row in self.rows.items()}

    @property
    def positive(self) -> set[str]:
        """Findings that are there, "no finding" aside."""
        return {f for f, row in self.rows.items() if row.state is State.POSITIVE and f != "no finding"}

    @property
    def asserted(self) -> set[str]:
        """What may be asserted: the positive findings and what they imply; a large heart widens no mediastinum in words."""
        return self.positive | (self.implied - {"enlarged cardiomediastinum"})

    @property
    def implied(self) -> set[str]:
        """What the positive findings imply, which may not be denied."""
        return {parent for finding in self.positive for parent in PARENTS.get(finding, ())}

    @property
    def absent(self) -> set[str]:
        """What may be denied: negative, and nothing that implies it is there."""
        return {f for f, row in self.rows.items() if row.state is State.NEGATIVE} - (self.positive | self.implied)

    @property
    def doubtful(self) -> set[str]:
        """What may be doubted: uncertain and likely enough, neither implied by what is there nor implying what is absent."""
        open_ones = (f for f, row in self.rows.items() if row.state is State.UNCERTAIN and row.probability >= _HEDGED)
        uncertain = {*open_ones} - (self.positive | self.implied)
        return {finding for finding in uncertain if not self.absent & {*PARENTS.get(finding, ())}}

    @property
    def changes(self) -> dict[str, Change]:
        """Changes that agree with the states before and now: only what was there can improve or stay."""
        return {finding: row.change for finding, row in self.rows.items() if row.change and _agrees(row, row.change)}


def _agrees(row: Finding, change: Change) -> bool:
    if change not in _BEFORE_AND_NOW:  # absent: nothing is said of it
        return False
    before, now = _BEFORE_AND_NOW[change]
    return row.prior_state in before and row.state in now


def know(
    rows: Sequence[Finding], regions: Sequence[Region] = (), width: int = 1, kinds: Iterable[str] = (),
    quality: float | None = None,
) -> Known:  # fmt: skip
    """What is known of a study. regions : boxes on a frontal film of `width` pixels. kinds : devices of the signed prior."""
    known = Known({row.finding: row for row in rows}, sides_of(regions, width), frozenset(), quality)
    same = known.changes.get(DEVICES) is Change.UNCHANGED
    return Known(known.rows, known.sides, frozenset(kinds) if same else frozenset(), quality)


def sides_of(regions: Sequence[Region], width: int) -> dict[str, Side]:
    """Side of each finding whose change is seen on one, or on both; the left half of a film is the patient's right.

    Only regions of kind "change" count: what is called evidence lies too loosely.
    """
    seen: dict[str, set[Side | None]] = {}
    for region in regions:
        if region.kind == "change" and region.finding is not None:
            seen.setdefault(region.finding, set()).add(_side((region.x + region.w / 2) / width))
    both = {Side.LEFT, Side.RIGHT}
    joined = {finding: Side.BILATERAL if both <= sides else _only(sides) for finding, sides in seen.items()}
    return {finding: side for finding, side in joined.items() if side}


def _side(place: float) -> Side | None:
    if abs(place - 0.5) < _MIDDLE:
        return None
    return Side.RIGHT if place < 0.5 else Side.LEFT


def _only(sides: set[Side | None]) -> Side | None:
    return next(iter(sides)) if len(sides) == 1 else None


# -- what is wrong with a sentence ------------------------------------------------------------------------------------


def refusals(text: Text, sentence: Sentence, known: Known, subject: Iterable[str] = ()) -> set[Flag]:
    """Why a sentence may not be said as it stands; empty where all that it says is licensed.

    subject : findings that the sentence before names, of which one that names none speaks.
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
    if not compares_truly(text, sentence, known.changes, subject):
        found.add(Flag.COMPARISON_REMOVED)
    elif not sentence.claims and not summaries(text.string, sentence) and not _speaks_of(text, sentence, subject):
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


def is_dependent(text: Text, sentence: Sentence) -> bool:
    """Whether it speaks of what the sentence before named: "This is new." """
    return _PRONOUN.match(text.string, sentence.start) is not None


def _speaks_of(text: Text, sentence: Sentence, subject: Iterable[str]) -> bool:
    """It says of the sentence before that it has changed."""
    return bool(sentence.comparisons and set(subject)) and is_dependent(text, sentence)


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


def compares_truly(text: Text, sentence: Sentence, changes: Mapping[str, Change], subject: Iterable[str]) -> bool:
    """Whether each word of change fits the change of a finding that is meant, and nothing else is denied.

    "Has not increased" says too little. True of a sentence that does not compare.
    """
    if not sentence.comparisons:
        return True
    known = {changes[finding] for finding in named(text, sentence) or subject if finding in changes}
    denied = [match.start() for match in DENIAL.finditer(text.string, sentence.start, sentence.end)]
    all_meant = all(any(word.start <= place < word.end for word in sentence.changes) for place in denied)
    return bool(sentence.changes) and all_meant and all(known & {*word.meaning.fits} for word in sentence.changes)
