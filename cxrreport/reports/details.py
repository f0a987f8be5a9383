"""What a report says of a finding beside its presence: how it changed, how severe it is, on which side.

Words are given to the mention that they stand with: before it in its noun phrase ("new small left effusion") or behind it
up to the next clause ("effusion on the left has increased"). What two places say differently is not decided: None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from itertools import pairwise

from cxrreport.findings import Change, State
from cxrreport.reports.cues import join
from cxrreport.reports.labels import in_sentence, lower, words
from cxrreport.reports.sentences import pieces

_MIDLINE = ("cardiomegaly", "enlarged cardiomediastinum", "no finding")  # "left ventricular enlargement" has no side
_DENSE = ("lung opacity", "lung lesion")  # an "increased opacity" may merely be white


class Severity(StrEnum):
    """Degree (minimal, mild, moderate, severe) or size (small, large); a trace is minimal, a massive one severe."""

    MINIMAL = "minimal"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"
    SMALL = "small"
    LARGE = "large"


class Side(StrEnum):
    """The patient's side."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


@dataclass(frozen=True, slots=True)
class Detail:
    """What is said of one finding, None where nothing or two things are said; `words` are half-open spans of the text."""

    change: Change | None
    severity: Severity | None
    side: Side | None
    words: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str  # change, severity or side
    value: str
    start: int
    end: int


@dataclass(slots=True)
class _Said:
    """A mention of a sentence and the words that belong to it."""

    finding: str
    state: State
    start: int
    end: int
    words: list[_Word] = field(default_factory=list)


def details(text: str) -> dict[str, Detail]:
    """Change, severity and side of the findings that a text asserts, doubts or calls resolved."""
    said: dict[str, list[_Word]] = {}
    for start, end in pieces(text):
        for finding, found in _in_sentence(lower(text[start:end])):
            kept = said.setdefault(finding, [])
            kept += [_Word(word.kind, word.value, start + word.start, start + word.end) for word in found]
    return {finding: _detail(found) for finding, found in said.items()}


def _detail(found: Sequence[_Word]) -> Detail:
    change, severity, side = (_agreed(found, kind) for kind in ("change", "severity", "side"))
    return Detail(
        Change(change) if change else None,
        Severity(severity) if severity else None,
        Side(side) if side else None,
        tuple(sorted({(word.start, word.end) for word in found})),
    )


def _agreed(found: Iterable[_Word], kind: str) -> str | None:
    """The one value of a kind; None where there is none or more than one."""
    values = {word.value for word in found if word.kind == kind}
    return values.pop() if len(values) == 1 else None


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
_LIST = re.compile(r"(?:,|\s|\band\b|\bor\b|\b(?:left|right|bilateral|small|mild|moderate)\b)*")
_PLURAL = re.compile(r"\s*(?:\w+\s+){0,4}?(?:are|have|were)\b")


@lru_cache(maxsize=20_000)  # as the mentions: normal sentences come again and again
def _in_sentence(sentence: str) -> tuple[tuple[str, tuple[_Word, ...]], ...]:
    """(finding, words) of the mentions in one lower-case sentence that are not plainly denied."""
    said = [_Said(*row) for row in sorted(in_sentence(sentence), key=lambda row: (row[2], row[3]))]
    if all(mention.state == State.NEGATIVE for mention in said) and not _MAY_RESOLVE.search(sentence):
        return ()
    found = _words(sentence)
    reaches = [(_reach_before(sentence, said, m, found), _reach_behind(sentence, said, m, found)) for m in said]
    for mention, (first, last) in zip(said, reaches):
        mention.words = [word for word in found if first <= word.start and word.end <= last and _fits(mention, word)]
    _share(sentence, said)
    return tuple((m.finding, tuple(_settled(m))) for m in said if m.state != State.NEGATIVE or _resolved(m))


_MAY_RESOLVE = re.compile(r"resol|clear(?:ed|ing)|no longer|disappear")


def _words(sentence: str) -> list[_Word]:
    matches = ((m, (m.lastgroup or "none").partition("_")) for m in _qualifiers().finditer(sentence))
    return [_Word(kind, value, *match.span()) for match, (kind, _, value) in matches if kind != "none"]


@cache
def _qualifiers() -> re.Pattern[str]:
    groups = (f"(?P<{kind.replace(' ', '_')}>{join(patterns)})" for kind, patterns in words()["qualifiers"].items())
    return re.compile(rf"(?<![\w-])(?:{'|'.join(groups)})(?!\w)")


def _reach_before(sentence: str, said: Sequence[_Said], mention: _Said, found: Sequence[_Word]) -> int:
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


def _rest(sentence: str, start: int, end: int, taken: Sequence[_Word]) -> str:
    """What a stretch holds beside the taken words and articles."""
    for word in reversed(taken):
        sentence = sentence[: word.start] + " " * (word.end - word.start) + sentence[word.end :]
    return re.sub(r"\b(?:a|an|the|there|is|are)\b|\W", "", sentence[start:end])


def _reach_behind(sentence: str, said: Sequence[_Said], mention: _Said, found: Sequence[_Word]) -> int:
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


def _goes_on(sentence: str, start: int, found: Sequence[_Word]) -> bool:
    """Tell whether a change or a side comes right behind a comma or "and"."""
    skipped = re.compile(rf"\s*{_FILLER}").match(sentence, start)
    place = skipped.end() if skipped else start
    return any(word.start == place or (word.start <= place < word.end) for word in found if word.kind != "severity")


def _fits(mention: _Said, word: _Word) -> bool:
    inside = mention.start <= word.start and word.end <= mention.end
    if word.kind == "side":
        outside = word.end <= mention.start if mention.finding == "support devices" else not inside
        return mention.finding not in _MIDLINE and (outside or inside)
    if word.value == "increased":
        return not inside and mention.finding not in _DENSE
    return not inside or word.value not in ("large", "small", "worsened")


def _share(sentence: str, said: Sequence[_Said]) -> None:
    """In "effusion and atelectasis are unchanged" the change behind the last is that of all in the list."""
    for one, other in reversed(list(pairwise(said))):
        behind = [word for word in other.words if word.kind == "change" and word.start >= other.end]
        listed = one.end <= other.start and _LIST.fullmatch(sentence, one.end, other.start)
        if behind and listed and _PLURAL.match(sentence, other.end) and not any(w.kind == "change" for w in one.words):
            one.words += behind


def _resolved(mention: _Said) -> bool:
    return any(word.value == Change.RESOLVED for word in mention.words)


def _settled(mention: _Said) -> list[_Word]:
    """Words with their final values: "again" gives way, what is denied can only have resolved, left and right are both."""
    changes = [word for word in mention.words if word.kind == "change"]
    if mention.state == State.NEGATIVE:
        changes = [word for word in changes if word.value == Change.RESOLVED]
    else:
        changes = [word for word in changes if word.value != Change.RESOLVED]
    decided = [word for word in changes if word.value != "again"] or changes
    names = {"again": Change.UNCHANGED, "increased": Change.WORSENED}
    settled = [_Word(word.kind, names.get(word.value, word.value), word.start, word.end) for word in decided]
    sides = [word for word in mention.words if word.kind == "side"]
    if len({word.value for word in sides}) > 1:
        sides = [_Word("side", Side.BILATERAL, word.start, word.end) for word in sides]
    return [*settled, *sides, *(word for word in mention.words if word.kind == "severity")]
