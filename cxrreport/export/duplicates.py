"""Retrieved reports that say the same: an archive holds the same normal report many times."""

from __future__ import annotations

import re
from collections.abc import Sequence

Said = tuple[tuple[str, ...], ...]

_PLACEHOLDER = re.compile(r"\[\*\*.{0,80}?\*\*\]|\bx{2,}\b|_+", re.IGNORECASE)
_BOUNDARY = re.compile(r"[.!;]+(?=\s|$)|\n[ \t]*\n")
_LIST_NUMBER = re.compile(r"(\A\s*|[.!?;:]\s+|\n[ \t]*\n\s*)\d{1,2}[.)](?=\s)")  # not the end of "… of 2."
# "?" doubts and "<" compares: these signs are words; a number keeps its decimals.
_WORD = re.compile(r"\d+(?:[.,/]\d+)+|[^\W_]+|[?+<>=]")
# Words that tell nothing by themselves, whatever stands beside them.
_FILLER = re.compile(
    r"an?|the|is|are|be|being|has|have|there|this|these|that|which|and|of|in|at|on|for|to|with|within|by|as|seen|noted"
    r"|identified|demonstrated|visuali[zs]ed|evident|appears?|present"
)


def group_alike(texts: Sequence[str]) -> list[list[int]]:
    """Positions of the texts that say the same, together; groups in the order of their first.

    Two texts say the same if they consist of the same sentences of the same words in the same order. Case, punctuation,
    list numbers, placeholders of de-identification and fillers are no difference; every other word is, however long
    the texts are. A share of common words would not do: a report of 40 words with one "no", side or number more or less
    has 90 % in common with the other. A text without a word is like no other.
    """
    groups: dict[Said | int, list[int]] = {}
    for place, text in enumerate(texts):
        groups.setdefault(_said(text) or place, []).append(place)
    return list(groups.values())


def _said(text: str) -> Said:
    text = _LIST_NUMBER.sub(r"\1\n\n", _PLACEHOLDER.sub(" ", text.lower()))
    sentences = (tuple(w for w in _WORD.findall(part) if not _FILLER.fullmatch(w)) for part in _BOUNDARY.split(text))
    return tuple(filter(None, sentences))
