"""Labels of a report by rules: which of the 14 findings it asserts, denies or doubts, and what else it names.

The dictionary is labels.yaml.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple

import yaml

from cxrreport.findings import FINDINGS, LABELS, OTHER, PARENTS, State
from cxrreport.reports import language
from cxrreport.reports.cues import Cues, join, state
from cxrreport.reports.qualifiers import Side, find_words
from cxrreport.reports.sentences import pieces

RULES_VERSION = 5  # raised with every change of code that may give another state; the words are digested besides
_NO_FINDING = "no finding"
_DEVICES = "support devices"
_SILENT = (_DEVICES, _NO_FINDING)  # a device does not make an image abnormal
_RANK = {State.BLANK: 0, State.NEGATIVE: 1, State.UNCERTAIN: 2, State.POSITIVE: 3}


def label(text: str) -> dict[str, State]:
    """States of the 14 findings; of several mentions positive wins over uncertain over negative.

    "no finding" is positive where no other finding but support devices is positive or uncertain, else blank. The
    states are what the text says: see `with_parents` for what it implies.
    """
    states = label_all(text)
    return {finding: states[finding] for finding in FINDINGS}


def label_all(text: str) -> dict[str, State]:
    """States of the 15 labels, then of what is named, "other abnormality/scoliosis" or "support devices/chest tube"."""
    return label_in_order([text])


def label_in_order(texts: Iterable[str]) -> dict[str, State]:
    """As `label_all`, of a report and its addenda in order: what a later one says of a label takes the place of the earlier.

    What is there stays, though, where it is only doubted later, or denied of another side.
    """
    states, places = dict.fromkeys(LABELS, State.BLANK), dict[str, list[str]]()
    for text in texts:
        said = list(_said(text))
        beside = dict[str, list[str]]()
        for key, _, sentence in said:
            beside.setdefault(key, []).append(sentence)
        for key, found in strongest(((key, what) for key, what, _ in said), LABELS).items():
            if found is State.BLANK or (
                states.get(key) is State.POSITIVE and not _undoes(found, beside[key], places[key])
            ):
                continue
            states[key], places[key] = found, beside[key]
    abnormal = any(_RANK[states[f]] >= _RANK[State.UNCERTAIN] for f in FINDINGS if f not in _SILENT)
    states[_NO_FINDING] = State.BLANK if abnormal else State.POSITIVE
    return states


def _undoes(later: State, sentences: Iterable[str], before: Iterable[str]) -> bool:
    """Tell whether a later state takes the place of "positive", from the sentences that say either."""
    if later is not State.NEGATIVE:
        return later is State.POSITIVE
    denied, there = _sides(sentences), _sides(before)
    return not denied or (bool(there) and there <= denied)


def _sides(sentences: Iterable[str]) -> set[Side]:
    """The sides that lower-case sentences name, both for bilateral."""
    named = {word.meaning.side for sentence in sentences for word in find_words(sentence)} - {None}
    return {Side.LEFT, Side.RIGHT} if Side.BILATERAL in named else {side for side in named if side}


def _said(text: str) -> Iterator[tuple[str, State, str]]:
    """Labels of a text, their states, and the sentences that say so."""
    for start, end in pieces(text):
        sentence = lower(text[start:end])
        yield from ((key, mention.state, sentence) for mention in in_sentence(sentence) for key in mention.keys)


def strongest(said: Iterable[tuple[str, State]], labels: Sequence[str] = FINDINGS) -> dict[str, State]:
    """States of the labels of which a text says these: positive wins over uncertain over negative, blank the rest."""
    states = dict.fromkeys(labels, State.BLANK)
    for label, found in said:
        if _RANK[found] > _RANK[states.get(label, State.BLANK)]:
            states[label] = found
    return states


def is_normal(text: str) -> bool:
    """Whether a report asserts and doubts nothing at all: no finding, no device, no other abnormality."""
    states = label_all(text)
    return not any(_RANK[states[one]] >= _RANK[State.UNCERTAIN] for one in LABELS if one != _NO_FINDING)


def rules() -> str:
    """Name of the rules that reports are labelled by: version of the code, digest of labels.yaml and of what tells English."""
    digest = hashlib.sha256(json.dumps([words(), language.ENGLISH, language.FOREIGN]).encode()).hexdigest()
    return f"rules-{RULES_VERSION}-{digest[:12]}"


def with_parents(states: Mapping[str, State]) -> dict[str, State]:
    """Add what findings imply in CheXpert's hierarchy: pneumonia is consolidation, atelectasis is lung opacity, …"""
    implied = dict(states)
    for child, parents in PARENTS.items():
        for parent in parents:
            if _RANK[states[child]] >= _RANK[State.UNCERTAIN]:
                implied[parent] = max(implied[parent], states[child], key=_RANK.__getitem__)
    return implied


def signed_states(text: str, labels: Mapping[str, State]) -> dict[str, State]:
    """States of the 14 findings of a signed report, with what they imply: as it is labelled, else as the rules read it.

    The truth that drafts are judged by, and that calibrations and networks learn from.
    """
    known = labels or label_all(text)
    return with_parents({finding: known.get(finding, State.BLANK) for finding in FINDINGS})


def lower(text: str) -> str:
    """Lower case that keeps every offset (a few letters become two)."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


class Mention(NamedTuple):
    """One place of a lower-case sentence that names a label; `name` is the kind of a device or of another abnormality."""

    finding: str
    state: State
    start: int
    end: int
    name: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The labels that it counts for: the finding, and what it is called."""
        return (self.finding, f"{self.finding}/{self.name}") if self.name else (self.finding,)


@lru_cache(maxsize=20_000)  # reports repeat their normal sentences; the bound keeps memory flat
def in_sentence(sentence: str) -> tuple[Mention, ...]:
    """The mentions in one lower-case sentence; what is part of the name of a finding is no other abnormality."""
    findings, others, kinds, all_cues = _dictionary()
    found: list[Mention] = []
    cues = None
    for finding, names in findings.items():
        denials = _spans(names.denials, sentence)
        found += [Mention(finding, State.NEGATIVE, *span) for span in denials]
        for span in names.named(sentence, denials):
            cues = all_cues.find(sentence) if cues is None else cues
            what = state(sentence, cues, *span)
            if what is State.POSITIVE and names.doubtful and names.doubtful.fullmatch(sentence, *span):
                what = State.UNCERTAIN
            if what is not None:
                found.append(Mention(finding, what, *span, kinds.name(sentence, *span) if finding == _DEVICES else ""))
    return (*found, *_others(sentence, found, others, all_cues))


def _others(sentence: str, found: Sequence[Mention], others: _Kinds, all_cues: Cues) -> Iterator[Mention]:
    """Other abnormalities beside the mentions that were found."""
    rows = list(others.find(sentence))
    cues = all_cues.find(sentence) if rows else []
    for name, start, end in rows:
        free = not any(start < one.end and one.start < end for one in found)
        if free and (what := state(sentence, cues, start, end)) is not None:
            yield Mention(OTHER, what, start, end, name)


class _Kinds:
    """Names and the words for each; of two at one place the first of the dictionary counts."""

    def __init__(self, rows: Mapping[str, Sequence[str]]) -> None:
        self._names = tuple(rows)
        groups = (f"(?P<k{number}>{join(patterns)})" for number, patterns in enumerate(rows.values()))
        self._pattern = re.compile(rf"\b(?:{'|'.join(groups)})")

    def find(self, sentence: str) -> Iterator[tuple[str, int, int]]:
        """Name, start and end of each."""
        return ((self._names[int((m.lastgroup or "")[1:])], *m.span()) for m in self._pattern.finditer(sentence))

    def name(self, sentence: str, start: int, end: int) -> str:
        """Name of what lies at start:end; "" where it has none of its own."""
        return next((name for name, first, last in self.find(sentence) if first < end and start < last), "")


def specifics(sentence: str) -> list[tuple[str, int, int]]:
    """Kind, start and end of what a lower-case sentence says beside findings: a cause, a recommendation, …"""
    found = ((kind, *span) for kind, pattern in _specifics().items() for span in _spans(pattern, sentence))
    return sorted(found, key=lambda row: row[1:])


@cache
def _specifics() -> dict[str, re.Pattern[str] | None]:
    return {kind: _any_of(patterns) for kind, patterns in words()["specifics"].items()}


@dataclass(frozen=True, slots=True)
class _Names:
    """How one finding is named, denied, and named without being spoken of; None where labels.yaml has no such words."""

    mentions: re.Pattern[str] | None
    denials: re.Pattern[str] | None
    asides: re.Pattern[str] | None
    doubtful: re.Pattern[str] | None  # mentions that alone make the finding no more than uncertain

    def named(self, sentence: str, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Places that name the finding, but for those that overlap a taken one or an aside."""
        if spans := _spans(self.mentions, sentence):
            taken = [*taken, *_spans(self.asides, sentence)]
        return [(start, end) for start, end in spans if not any(start < last and first < end for first, last in taken)]


def _spans(pattern: re.Pattern[str] | None, sentence: str) -> list[tuple[int, int]]:
    return [match.span() for match in pattern.finditer(sentence)] if pattern else []


@cache
def words() -> dict[str, Any]:
    """Read labels.yaml once."""
    text = resources.files("cxrreport.reports").joinpath("labels.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))


@cache
def _dictionary() -> tuple[dict[str, _Names], _Kinds, _Kinds, Cues]:
    """Compile the findings, the other abnormalities, the kinds of devices and the cues once."""
    findings = {
        name: _Names(*(_any_of(row.get(kind)) for kind in ("mentions", "denials", "asides", "doubtful")))
        for name, row in words()["findings"].items()
    }
    return findings, _Kinds(words()["other abnormalities"]), _Kinds(words()["kinds of devices"]), Cues(words()["cues"])


def _any_of(patterns: Sequence[str] | None) -> re.Pattern[str] | None:
    return re.compile(rf"\b(?:{join(patterns)})") if patterns else None
