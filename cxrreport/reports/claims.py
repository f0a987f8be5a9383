"""A text, read once: its sentences, and what each claims of the findings.

Words are given to the mention that they stand with: before it in its noun phrase ("new small left effusion") or behind it
up to the next clause ("effusion on the left has increased").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from cxrreport.findings import OTHER, Change, State
from cxrreport.reports.labels import in_sentence, lower, specifics, strongest
from cxrreport.reports.qualifiers import MEASUREMENT, Side, Word, find_words
from cxrreport.reports.sentences import pieces

_MIDLINE = ("cardiomegaly", "enlarged cardiomediastinum", "no finding")  # "left ventricular enlargement" has no side
_DENSE = ("lung opacity", "lung lesion")  # an "increased opacity" may merely be white


@dataclass(frozen=True, slots=True)
class Claim:
    """One place where a text speaks of a finding, and the words that belong to it; ranges are half-open."""

    finding: str
    state: State
    start: int
    end: int
    words: tuple[Word, ...] = ()
    name: str = ""  # kind of a device ("chest tube"), what another abnormality is called ("scoliosis"); else ""

    @property
    def changes(self) -> tuple[Word, ...]:
        """Words of change."""
        return tuple(word for word in self.words if word.meaning.fits)

    @property
    def change(self) -> Change | None:
        """Its change, None where nothing or two things are said. What is denied can only have resolved."""
        said = [
            w.meaning for w in self.changes if (w.meaning.change is Change.RESOLVED) == (self.state is State.NEGATIVE)
        ]
        return _one({one.change for one in said if not one.weak} or {one.change for one in said})

    @property
    def side(self) -> Side | None:
        """Its side: left and right are both."""
        said = {word.meaning.side for word in self.words if word.meaning.side}
        return Side.BILATERAL if len(said) > 1 else _one(said)

    @property
    def degree(self) -> Word | None:
        """The word of severity that stands closest before it, else the first behind it."""
        said = [word for word in self.words if word.meaning.severity is not None]
        return next((word for word in reversed(said) if word.start < self.end), said[0] if said else None)


@dataclass(frozen=True, slots=True)
class Specific:
    """Words that say more than which findings there are; ranges are half-open.

    kind : tip position, cause, recommendation, history, technique, name, date, or summary ("lungs are clear").
    """

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """Half-open range of a sentence, its claims in order, its words of change, and the words that compare with a prior.

    specifics : what it says beside findings: a tip's place, a cause, a recommendation, "no acute …" (labels.yaml).
    """

    start: int
    end: int
    claims: tuple[Claim, ...]
    changes: tuple[Word, ...]
    comparisons: tuple[Word, ...]
    measures: bool
    specifics: tuple[Specific, ...] = ()

    @property
    def states(self) -> dict[str, State]:
        """States of the findings as the sentence alone says them."""
        return strongest((claim.finding, claim.state) for claim in self.claims if claim.finding != OTHER)

    def moved(self, by: int) -> Sentence:
        """The same in a text in which it stands further behind."""
        if not by:
            return self
        claims = tuple(replace(c, start=c.start + by, end=c.end + by, words=_moved(c.words, by)) for c in self.claims)
        words = _moved(self.changes, by), _moved(self.comparisons, by)
        special = tuple(Specific(one.kind, one.start + by, one.end + by) for one in self.specifics)
        return Sentence(self.start + by, self.end + by, claims, *words, self.measures, special)


def _moved(words: Sequence[Word], by: int) -> tuple[Word, ...]:
    return tuple(Word(word.meaning, word.start + by, word.end + by) for word in words)


@dataclass(frozen=True, slots=True)
class Text:
    """A text that has been read; going through it gives its sentences."""

    string: str
    sentences: tuple[Sentence, ...]

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self.sentences)

    def __bool__(self) -> bool:
        return bool(self.string)

    def of(self, sentence: Sentence) -> str:
        """One sentence as it stands."""
        return self.string[sentence.start : sentence.end]

    def only(self, kept: Iterable[Sentence]) -> Text:
        """A text of some of the sentences."""
        return read(" ".join(self.of(sentence) for sentence in kept))

    @property
    def states(self) -> dict[str, State]:
        """States of the findings."""
        return strongest(pair for sentence in self for pair in sentence.states.items())

    @property
    def sides(self) -> dict[str, Side]:
        """Sides of the findings that the text asserts, doubts or calls resolved, where it names just one."""
        said: dict[str, set[Side]] = {}
        for claim in (claim for sentence in self for claim in sentence.claims):
            if claim.side and claim.finding != OTHER and (claim.state is not State.NEGATIVE or claim.change):
                said.setdefault(claim.finding, set()).add(claim.side)
        return {finding: side for finding, given in said.items() if (side := _one(given))}


def read(text: str) -> Text:
    """The sentences of a text with what they claim."""
    return Text(text, tuple(_sentence(lower(text[start:end])).moved(start) for start, end in pieces(text)))


def has_comparison(text: str) -> bool:
    """Tell whether a text compares with a prior."""
    return any(_sentence(lower(text[start:end])).comparisons for start, end in pieces(text))


_Value = TypeVar("_Value")


def _one(values: set[_Value]) -> _Value | None:
    """The one value of a set; None where it holds none or more than one."""
    return next(iter(values)) if len(values) == 1 else None


@lru_cache(maxsize=20_000)  # as the mentions: normal sentences come again and again
def _sentence(sentence: str) -> Sentence:
    """One lower-case sentence, its ranges counted from its own beginning."""
    found = find_words(sentence)
    mentions = sorted(in_sentence(sentence), key=lambda one: (one.start, one.end))
    said = [Claim(one.finding, one.state, one.start, one.end, name=one.name) for one in mentions]
    words = _give(sentence, said, [word for word in found if _qualifies(word)])
    claims = tuple(replace(claim, words=tuple(own)) for claim, own in zip(said, words, strict=True))
    there = [claim for claim in claims if claim.state is not State.NEGATIVE and claim.finding != OTHER]
    beside = {word.start for claim in there for word in claim.words}  # "lung volumes are decreased" compares nothing
    comparisons = [w for w in found if w.meaning.compares and (not w.meaning.beside or w.start in beside)]
    changes, measures = tuple(word for word in found if word.meaning.fits), MEASUREMENT.search(sentence) is not None
    special = tuple(Specific(*row) for row in specifics(sentence))
    return Sentence(0, len(sentence), claims, changes, tuple(comparisons), measures, special)


# -- which words belong to which mention ------------------------------------------------------------------------------


def _qualifies(word: Word) -> bool:
    return bool(word.meaning.fits or word.meaning.side) or word.meaning.severity is not None


def _give(sentence: str, said: Sequence[Claim], found: Sequence[Word]) -> list[list[Word]]:
    """The words of each claim; in "effusion and atelectasis are unchanged" the change behind the last is that of all."""
    if not found:
        return [[] for _ in said]
    reaches = [(_reach_before(sentence, said, one, found), _reach_behind(sentence, said, one, found)) for one in said]
    words = [
        [word for word in found if first <= word.start and word.end <= last and _fits(one, word)]
        for one, (first, last) in zip(said, reaches, strict=True)
    ]
    for (one, own), (other, behind) in reversed(list(pairwise(zip(said, words, strict=True)))):
        shared = [word for word in behind if word.meaning.fits and word.start >= other.end]
        listed = one.end <= other.start and _LIST.fullmatch(sentence, one.end, other.start)
        if shared and listed and _PLURAL.match(sentence, other.end) and not any(word.meaning.fits for word in own):
            own += shared
    return words


# Where one thing ends and another begins; a verb ends what stands before a mention, not what stands behind it.
_CLAUSE = (
    r"[;:,](?:\s*(?:and|but|which)\b)?|\b(?:and|or|with|without|but|however|while|whereas|although|though|plus|versus"
    r"|vs|which|that|suggest\w*|consistent|compatible"
    r"|represent\w*|due|secondary|likely|may|could|causing|obscuring|adjacent|associated|related)\b"
)
_BEFORE = re.compile(rf"{_CLAUSE}|(?<!seen )(?<!noted )\b(?:is|are|was|were|has|have|shows?|demonstrates?)\b(?! been)")
_BEHIND = re.compile(_CLAUSE)
_JOINT = re.compile(r"\s*(?:,|and|but|,\s*(?:and|but|which))\s+")
_FILLER = (
    r"(?:(?:is|are|was|were|has|have|been|now|also|the|a|an|very|otherwise|grossly|essentially|relatively|overall"
    r"|interval|significantly|slightly|which)\s+)*"
)
_SKIPPED = re.compile(rf"\s*{_FILLER}")
_LAST = re.compile(r"(?:\s+in\s+(?:degree|size|severity))?\W*")
_LIST = re.compile(r"(?:,|\s|\band\b|\bor\b|\b(?:left|right|bilateral|small|mild|moderate)\b)*")
_PLURAL = re.compile(r"\s*(?:\w+\s+){0,4}?(?:are|have|were)\b")


def _reach_before(sentence: str, said: Sequence[Claim], mention: Claim, found: Sequence[Word]) -> int:
    """Where the noun phrase of a mention begins; "new, small and left effusion" is one."""
    start = mention.start
    for other in reversed(said):  # "left consolidative opacity" is one noun phrase
        if other.end <= start and not sentence[other.end : start].strip():
            start = other.start
    begun, floor = start, max((other.end for other in said if other.end <= start), default=0)
    cuts = [match.span() for match in _BEFORE.finditer(sentence, floor, begun)]
    inside = [(word.start, word.end) for word in found]
    for index in range(len(cuts) - 1, -1, -1):
        first, last = cuts[index]
        if any(begin <= first and last <= end for begin, end in inside):  # "without change in", "right and left"
            continue
        start = last
        earlier = cuts[index - 1][1] if index else floor
        between = [word for word in found if earlier <= word.start and word.end <= first]
        adjectives = (
            between and not _rest(sentence, earlier, first, between) and _JOINT.fullmatch(sentence[first:last] + " ")
        )
        if not adjectives:
            return start
        start = earlier
    return floor if not cuts or start == begun else start


def _rest(sentence: str, start: int, end: int, taken: Sequence[Word]) -> str:
    """What a stretch holds beside the taken words and articles."""
    for word in reversed(taken):
        sentence = sentence[: word.start] + " " * (word.end - word.start) + sentence[word.end :]
    return re.sub(r"\b(?:a|an|the|there|is|are)\b|\W", "", sentence[start:end])


def _reach_behind(sentence: str, said: Sequence[Claim], mention: Claim, found: Sequence[Word]) -> int:
    """Where the clause of a mention ends; ", unchanged" and "but has decreased" belong to it, the next mention does not."""
    next_start = min((other.start for other in said if other.start >= mention.end), default=len(sentence))
    inside = [(word.start, word.end) for word in found]
    cuts = [m.span() for m in _BEHIND.finditer(sentence, mention.end, next_start)]
    cuts = [cut for cut in cuts if not any(begin <= cut[0] and cut[1] <= end for begin, end in inside)]
    for index, (first, last) in enumerate(cuts):
        following = cuts[index + 1][0] if index + 1 < len(cuts) else next_start
        to_other = following == next_start < len(sentence)
        if first == last or to_other or not _goes_on(sentence, last, found):
            return first
    return len(sentence) if next_start == len(sentence) else (mention.end if not cuts else cuts[-1][0])


def _goes_on(sentence: str, start: int, found: Sequence[Word]) -> bool:
    """Tell whether a change, a side or a severity that ends the sentence comes right behind a comma or "and"."""
    skipped = _SKIPPED.match(sentence, start)
    place = skipped.end() if skipped else start
    here = (word for word in found if word.start == place or (word.start <= place < word.end))
    return any(word.meaning.severity is None or _LAST.fullmatch(sentence, word.end) for word in here)


def _fits(mention: Claim, word: Word) -> bool:
    inside = mention.start <= word.start and word.end <= mention.end
    meaning = word.meaning
    if meaning.side:
        outside = word.end <= mention.start if mention.finding == "support devices" else not inside
        return mention.finding not in _MIDLINE and (outside or inside)
    if meaning.beside and meaning.change is Change.WORSENED and mention.finding in _DENSE:
        return word.start >= mention.end
    return not inside or not (meaning.size or meaning.change is Change.WORSENED)
