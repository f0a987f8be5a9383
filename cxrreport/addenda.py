"""Addenda of a report: what was added after it was signed, in order, kept as one text beside its sections."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HEADING = "Addendum: "
_BETWEEN = f"\n\n{_HEADING}"
_LEAD = re.compile(r"\s*addend(?:um|a)\b(?:[ \t]*(?:#|no\.?)?[ \t]*\d{1,2}\b)?[ \t]*[-:.]*\s*", re.IGNORECASE)


def join(texts: Iterable[str]) -> str:
    """Addenda as one text; none that an earlier one holds already."""
    kept: list[str] = []
    for text in texts:
        bare = _bare(text)
        if bare and not holds(_BETWEEN.join(kept), bare):
            kept.append(bare)
    return _BETWEEN.join(kept)


def part(text: str) -> list[str]:
    """The addenda of a joined text, in order."""
    return text.split(_BETWEEN) if text else []


def behind(text: str, addendum: str) -> str:
    """A section with the addenda behind it, each under its heading."""
    return f"{text}{_BETWEEN}{addendum}".lstrip("\n") if addendum else text


def holds(text: str, addition: str) -> bool:
    """Tell whether a text says an addition already; all but its words is no difference."""
    words = _words(addition)
    return not words or f" {words} " in f" {_words(text)} "


def _bare(text: str) -> str:
    """Without its own heading, and without what would part it in two."""
    lead = _LEAD.match(text)
    return text[lead.end() if lead else 0 :].strip().replace(_BETWEEN, f"\n{_HEADING}")


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
