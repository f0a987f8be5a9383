"""Labels of a report by rules: which of the 14 findings it asserts, denies or doubts (dictionary in labels.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import yaml

from cxrreport.records import FINDINGS, State
from cxrreport.reports.cues import Cues, join, state
from cxrreport.reports.sentences import sentences

_NO_FINDING = "no finding"
_SILENT = ("support devices", _NO_FINDING)  # a device does not make a film abnormal
_RANK = {State.BLANK: 0, State.NEGATIVE: 1, State.UNCERTAIN: 2, State.POSITIVE: 3}


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where a report speaks of a finding; offsets are half-open and count in the given text."""

    finding: str
    state: State
    start: int
    end: int
    sentence: tuple[int, int]


def label(text: str) -> dict[str, State]:
    """States of the 14 findings; of several mentions positive wins over uncertain over negative.

    "no finding" is positive where no other finding but support devices is positive or uncertain, else blank. The
    states are what the text says: see `with_parents` for what it implies.
    """
    states = dict.fromkeys(FINDINGS, State.BLANK)
    for finding, found, *_ in _all(text):
        if _RANK[found] > _RANK[states[finding]]:
            states[finding] = found
    abnormal = any(_RANK[states[f]] >= _RANK[State.UNCERTAIN] for f in FINDINGS if f not in _SILENT)
    states[_NO_FINDING] = State.BLANK if abnormal else State.POSITIVE
    return states


def with_parents(states: Mapping[str, State]) -> dict[str, State]:
    """Add what findings imply in CheXpert's hierarchy: pneumonia is consolidation, atelectasis is lung opacity, …"""
    implied = dict(states)
    for child, parents in _dictionary().parents.items():
        for parent in parents:
            if _RANK[states[child]] >= _RANK[State.UNCERTAIN]:
                implied[parent] = max(implied[parent], states[child], key=_RANK.__getitem__)
    return implied


def mentions(text: str) -> list[Mention]:
    """Every mention of a finding in order of its place."""
    found = [Mention(finding, state, start, end, span) for finding, state, start, end, span in _all(text)]
    return sorted(found, key=lambda mention: (mention.start, mention.end))


def _all(text: str) -> Iterable[tuple[str, State, int, int, tuple[int, int]]]:
    for start, end in sentences(text):
        for finding, found, first, last in _in_sentence(_lower(text[start:end])):
            yield finding, found, start + first, start + last, (start, end)


def _lower(text: str) -> str:
    """Lower case that keeps every offset (a few letters become two)."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


@lru_cache(maxsize=20_000)  # reports repeat their normal sentences; the bound keeps memory flat
def _in_sentence(sentence: str) -> tuple[tuple[str, State, int, int], ...]:
    """(finding, state, start, end) of the mentions in one lower-case sentence."""
    dictionary = _dictionary()
    found: list[tuple[str, State, int, int]] = []
    cues = None
    for finding, (named, denied) in dictionary.findings.items():
        denials = [match.span() for match in denied.finditer(sentence)] if denied else []
        found += [(finding, State.NEGATIVE, *span) for span in denials]
        for match in named.finditer(sentence):
            if any(match.start() < end and start < match.end() for start, end in denials):
                continue
            cues = dictionary.cues.find(sentence) if cues is None else cues
            what = state(sentence, cues, *match.span())
            if what is not None:
                found.append((finding, what, *match.span()))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Dictionary:
    findings: dict[str, tuple[re.Pattern[str], re.Pattern[str] | None]]
    parents: dict[str, list[str]]
    cues: Cues


@cache
def _dictionary() -> _Dictionary:
    """Read and compile labels.yaml once."""
    words = yaml.safe_load(resources.files("cxrreport.reports").joinpath("labels.yaml").read_text("utf-8"))
    findings = {name: (_words(row["mentions"]), _optional(row["denials"])) for name, row in words["findings"].items()}
    return _Dictionary(findings, words["parents"], Cues(words["cues"]))


def _words(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{join(patterns)})")


def _optional(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return _words(patterns) if patterns else None
