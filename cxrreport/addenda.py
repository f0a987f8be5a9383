"""Addenda of a report: what was added after it was signed, in order, kept as one text beside its sections."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_NEARLY = 0.8
_HEADING = "Addendum: "
_BETWEEN = f"\n\n{_HEADING}"
_LEAD = re.compile(r"\s*+addend(?:um|a)\b[ \t]*+(?:(?:#|no\.?)?[ \t]*+\d{1,2}\b)?[ \t]*+[-:.]*+\s*+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;:](?=\s|$)")


def join(texts: Iterable[str]) -> str:
    """Addenda as one text; none that the one before it holds. What was denied in between may be said again."""
    kept: list[str] = []
    for text in texts:
        bare = _bare(text)
        if bare and not holds(kept[-1:], bare):
            kept.append(bare)
    return _BETWEEN.join(kept)


def part(text: str) -> list[str]:
    """The addenda of a joined text, in order."""
    return text.split(_BETWEEN) if text else []


def behind(text: str, addendum: str) -> str:
    """A section with the addenda behind it, each under its heading."""
    return f"{text}{_BETWEEN}{addendum}".lstrip("\n") if addendum else text


def holds(texts: Iterable[str], addition: str) -> bool:
    """Tell whether texts say an addition already: each of its sentences is one of theirs, but for signs and case.

    Words alone do not tell: "No right pneumothorax" holds all of "right pneumothorax".
    """
    return _sentences(addition) <= {sentence for text in texts for sentence in _sentences(text)}


def retells(texts: Iterable[str], before: str) -> bool:
    """Tell whether texts are an earlier one with corrections: they have half of its sentences and nearly all of its words."""
    said, told = list(texts), _sentences(before)
    kept = told & {sentence for text in said for sentence in _sentences(text)}
    words, new = (Counter(re.findall(r"\w+", one.casefold())) for one in (before, " ".join(said)))
    return bool(told) and 2 * len(kept) >= len(told) and (words & new).total() >= _NEARLY * words.total()


def _bare(text: str) -> str:
    """Without its own heading, and without what would part it in two."""
    lead = _LEAD.match(text)
    return text[lead.end() if lead else 0 :].strip().replace(_BETWEEN, f"\n{_HEADING}")


def _sentences(text: str) -> set[str]:
    words = (" ".join(re.findall(r"\w+", one.casefold())) for one in _SENTENCE_END.split(text))
    return set(words) - {""}
