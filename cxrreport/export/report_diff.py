"""The sentences of a draft against those of the prior's report: added, dropped, of another severity, kept.

What counts is which findings a sentence asserts, denies or doubts, not how it words them; words decide only for a
sentence that speaks of no finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cxrreport.drafting.spans import MentionLike, clause_of
from cxrreport.findings import State

# From the least to the most: degree and size are one order, a "mild" effusion is a "small" one.
_DEGREES = (
    r"trace|tiny|minimal(?:ly)?|minute|faint|borderline",
    r"small(?:-sized)?|mild(?:ly)?|slight(?:ly)?|minor|discrete",
    r"moderate(?:ly)?(?:-sized)?",
    r"large(?:-sized)?|marked(?:ly)?|severe(?:ly)?|extensive|massive",
)
# "slightly increased" and "large-bore" say nothing of how severe the finding is
_OF_CHANGE = r"improv|increas|decreas|worse|progress|more|less|larger|smaller|diminish|reduc|resol"
_OTHERWISE = rf"(?![\w-]|\s+(?:interval\s+)?(?:{_OF_CHANGE}))"
_SEVERITY = re.compile(
    rf"(?<![\w-])(?:{'|'.join(f'(?P<d{rank}>{words})' for rank, words in enumerate(_DEGREES))}){_OTHERWISE}",
    re.IGNORECASE,
)

Fact = tuple[str, State]


@dataclass(frozen=True, slots=True)
class Degree:
    """A word of severity and its place in the order, 0 = least."""

    rank: int
    word: str


@dataclass(frozen=True, slots=True)
class SentenceChange:
    """One sentence, and what it is against the prior's report.

    Attributes
    ----------
    kind : "added", "severity", "kept", or "dropped".
    start, end : half-open range of the draft; None for a dropped sentence, whose text is the prior's.
    finding, before, after : of kind "severity": the finding and its words of severity, then and now.
    """

    kind: str
    text: str
    start: int | None = None
    end: int | None = None
    finding: str | None = None
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A text with the half-open ranges of its sentences and the places where it speaks of findings."""

    text: str
    sentences: Sequence[tuple[int, int]]
    mentions: Sequence[MentionLike]


def compare_sentences(draft: Reading, prior: Reading) -> tuple[SentenceChange, ...]:
    """Compare a draft with the prior's report: the draft's sentences in order, then those that were dropped.

    A sentence is kept where the prior's report holds each of its findings in the same state, wherever and however
    said. It is of another severity where one of them has a word of severity now which it had not then, and had another.
    A prior's sentence is dropped where it says something that neither the draft nor a dropped one before it says.
    """
    now, before = list(_read(draft)), list(_read(prior))
    known, wordings = _merged(before), {one.wording for one in before}
    compared = [_compared(sentence, known, wordings) for sentence in now]
    return (*compared, *_dropped(before, now))


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    start: int
    end: int
    facts: Mapping[Fact, Sequence[Degree]] = field(default_factory=dict)

    @property
    def wording(self) -> str:
        return " ".join(re.findall(r"\w+", self.text.lower()))


def _read(reading: Reading) -> Iterator[_Sentence]:
    for start, end in reading.sentences:
        facts: dict[Fact, list[Degree]] = {}
        for mention in reading.mentions:
            if start <= mention.start < end:
                facts.setdefault((mention.finding, mention.state), []).extend(_degree(reading, mention, start, end))
        yield _Sentence(reading.text[start:end], start, end, facts)


def _degree(reading: Reading, mention: MentionLike, first: int, last: int) -> list[Degree]:
    """The word of severity that stands closest before a mention in its clause, else the first behind it.

    first, last : half-open range of the mention's sentence.
    """
    if mention.state == State.NEGATIVE:
        return []
    start, end = clause_of(reading.text, mention, reading.mentions)
    start, end = max(start, first), min(end, last)
    found = list(_SEVERITY.finditer(reading.text, start, end))
    leading = [match for match in found if match.start() < mention.end]
    chosen = leading[-1:] or found[:1] or _trailing(reading, end, last)
    return [Degree(int((match.lastgroup or "d0")[1:]), match.group().lower()) for match in chosen]


def _trailing(reading: Reading, end: int, last: int) -> list[re.Match[str]]:
    """The word right behind the last clause of a sentence: "the heart is enlarged, moderate in degree"."""
    if any(end <= other.start < last for other in reading.mentions):  # it is the other's
        return []
    match = _SEVERITY.search(reading.text, end, last)
    return [match] if match and not re.search(r"\w", reading.text[end : match.start()]) else []


def _merged(sentences: Iterable[_Sentence]) -> dict[Fact, list[Degree]]:
    merged: dict[Fact, list[Degree]] = {}
    for sentence in sentences:
        for fact, degrees in sentence.facts.items():
            merged.setdefault(fact, []).extend(degrees)
    return merged


def _compared(sentence: _Sentence, known: Mapping[Fact, Sequence[Degree]], wordings: set[str]) -> SentenceChange:
    place = (sentence.text, sentence.start, sentence.end)
    told = sentence.facts.keys() <= known.keys() if sentence.facts else sentence.wording in wordings
    if not told:
        return SentenceChange("added", *place)
    for (finding, state), degrees in sentence.facts.items():
        before = known[finding, state]
        for degree in degrees:
            if before and degree.rank not in {one.rank for one in before}:
                return SentenceChange("severity", *place, finding, before[0].word, degree.word)
    return SentenceChange("kept", *place)


def _dropped(before: Sequence[_Sentence], now: Sequence[_Sentence]) -> Iterator[SentenceChange]:
    facts, wordings = set(_merged(now)), {sentence.wording for sentence in now}
    for sentence in before:
        told = sentence.facts.keys() <= facts if sentence.facts else sentence.wording in wordings
        if not told:
            yield SentenceChange("dropped", sentence.text)
        facts.update(sentence.facts)
        wordings.add(sentence.wording)
