"""Labels of a report by rules: which of the 14 findings it asserts, denies or doubts (dictionary in labels.yaml)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import yaml

from cxrreport.findings import FINDINGS, PARENTS, State
from cxrreport.reports.cues import Cues, join, state
from cxrreport.reports.sentences import pieces

RULES_VERSION = 1  # raised with every change of code that may give another state; labels.yaml is digested besides
_NO_FINDING = "no finding"
_SILENT = ("support devices", _NO_FINDING)  # a device does not make an image abnormal
_RANK = {State.BLANK: 0, State.NEGATIVE: 1, State.UNCERTAIN: 2, State.POSITIVE: 3}


def label(text: str) -> dict[str, State]:
    """States of the 14 findings; of several mentions positive wins over uncertain over negative.

    "no finding" is positive where no other finding but support devices is positive or uncertain, else blank. The
    states are what the text says: see `with_parents` for what it implies.
    """
    said = (in_sentence(lower(text[start:end])) for start, end in pieces(text))
    states = strongest((finding, found) for mentions in said for finding, found, *_ in mentions)
    abnormal = any(_RANK[states[f]] >= _RANK[State.UNCERTAIN] for f in FINDINGS if f not in _SILENT)
    states[_NO_FINDING] = State.BLANK if abnormal else State.POSITIVE
    return states


def strongest(said: Iterable[tuple[str, State]]) -> dict[str, State]:
    """States of the findings of which a text says these: positive wins over uncertain over negative, blank the rest."""
    states = dict.fromkeys(FINDINGS, State.BLANK)
    for finding, found in said:
        if _RANK[found] > _RANK[states[finding]]:
            states[finding] = found
    return states


def rules() -> str:
    """Name of the rules that `label` goes by: version of the code and digest of labels.yaml."""
    digest = hashlib.sha256(json.dumps(words()).encode()).hexdigest()
    return f"rules-{RULES_VERSION}-{digest[:12]}"


def with_parents(states: Mapping[str, State]) -> dict[str, State]:
    """Add what findings imply in CheXpert's hierarchy: pneumonia is consolidation, atelectasis is lung opacity, …"""
    implied = dict(states)
    for child, parents in PARENTS.items():
        for parent in parents:
            if _RANK[states[child]] >= _RANK[State.UNCERTAIN]:
                implied[parent] = max(implied[parent], states[child], key=_RANK.__getitem__)
    return implied


def lower(text: str) -> str:
    """Lower case that keeps every offset (a few letters become two)."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


@lru_cache(maxsize=20_000)  # reports repeat their normal sentences; the bound keeps memory flat
def in_sentence(sentence: str) -> tuple[tuple[str, State, int, int], ...]:
    """(finding, state, start, end) of the mentions in one lower-case sentence."""
    findings, all_cues = _dictionary()
    found: list[tuple[str, State, int, int]] = []
    cues = None
    for finding, names in findings.items():
        denials = _spans(names.denials, sentence)
        found += [(finding, State.NEGATIVE, *span) for span in denials]
        for span in names.named(sentence, denials):
            cues = all_cues.find(sentence) if cues is None else cues
            what = state(sentence, cues, *span)
            if what is not None:
                found.append((finding, what, *span))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Names:
    """How one finding is named, denied, and named without being spoken of; None where labels.yaml has no such words."""

    mentions: re.Pattern[str] | None
    denials: re.Pattern[str] | None
    asides: re.Pattern[str] | None

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
def _dictionary() -> tuple[dict[str, _Names], Cues]:
    """Compile the findings and cues once."""
    findings = {
        name: _Names(*(_any_of(row.get(kind)) for kind in ("mentions", "denials", "asides")))
        for name, row in words()["findings"].items()
    }
    return findings, Cues(words()["cues"])


def _any_of(patterns: Sequence[str] | None) -> re.Pattern[str] | None:
    return re.compile(rf"\b(?:{join(patterns)})") if patterns else None
