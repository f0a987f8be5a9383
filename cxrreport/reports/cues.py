"""Scope of negation and doubt within one sentence, after ConText (Harkema et al., 2009)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cxrreport.findings import State

# After a comma a list of denied findings goes on ("no consolidation, effusion, or pneumothorax") unless something is
# plainly stated: "no pneumothorax, small left effusion".
_STATED = re.compile(
    r"(?:,\s+(?:and\s+|with\s+)?|\s(?:and|with)\s+)(?:there|a|an|the|small|mild|mildly|moderate|minimal|trace|tiny|stable|unchanged"
    r"|persistent|increased|left|right|bilateral|bibasilar|low|normal|heart|cardiac|calcified|scattered|old|healed)\b"
    r"(?!.*\b(?:or|nor)\b)"
)


def join(patterns: Sequence[str]) -> str:
    """One expression out of the dictionary's: a space stands for any white space, " ?" for optional white space."""
    return "|".join(patterns).replace(" ?", r"\s*").replace(" ", r"\s+")


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue word: what it means (`negative`, `uncertain`, `ignore`, `stop`, `none`) and in which direction."""

    meaning: str
    direction: str  # "before" and "after" say where the cue stands; "around" reaches both ways, "anywhere" past commas
    start: int
    end: int


class Cues:
    """Compiled cue words: finds them in a sentence and the state that they give a mention."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        groups = (f"(?P<{kind.replace(' ', '_')}>{join(patterns)})" for kind, patterns in words.items())
        self._pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(groups)})(?![\w-])|[;:?]")

    def find(self, sentence: str) -> list[Cue]:
        """All cues of a lower-case sentence in order; of two kinds at one place the first of the dictionary counts."""
        cues = [_cue(match) for match in self._pattern.finditer(sentence)]
        cues += [Cue("stop", "", match.start(), match.start()) for match in _STATED.finditer(sentence)]
        return sorted(cues, key=lambda cue: cue.start)


def _cue(match: re.Match[str]) -> Cue:
    if match[0] == "?":  # "? pneumothorax", "pneumothorax?"
        return Cue("uncertain", "anywhere", match.start(), match.end())
    meaning, _, direction = (match.lastgroup or "stop").partition("_")
    return Cue(meaning, direction, match.start(), match.end())


def state(sentence: str, cues: Sequence[Cue], start: int, end: int) -> State | None:
    """State of the mention at start:end; None where it speaks of the past or of the question asked."""
    before = _nearest((cue for cue in reversed(cues) if cue.end <= start), "before")
    inside = [cue for cue in cues if start <= cue.start and cue.end <= end]
    after = _nearest((cue for cue in cues if cue.start >= end and _reaches(sentence[end : cue.start], cue)), "after")
    meanings = {before, after, *(cue.meaning for cue in inside)}
    if "ignore" in meanings:
        return None
    if "negative" in meanings:
        return State.NEGATIVE
    return State.UNCERTAIN if "uncertain" in meanings else State.POSITIVE


def _nearest(cues: Iterable[Cue], direction: str) -> str:
    """Meaning of the first cue on the way if it points here; "" if it points away or ends the clause."""
    for cue in cues:
        if cue.meaning != "none":
            return cue.meaning if cue.direction in (direction, "around", "anywhere") else ""
    return ""


def _reaches(between: str, cue: Cue) -> bool:
    """A cue behind a comma belongs to another clause unless the comma is one of a list, or the cue an aside (", if any")."""
    return "," not in between or cue.direction == "anywhere" or re.search(r"\b(?:or|and)\b", between) is not None
