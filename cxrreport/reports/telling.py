"""Sentences of a report that a draft may say: without comparison, measurement and the placeholders of de-identification."""

from __future__ import annotations

import re

from cxrreport.reports.comparison import strip_comparison
from cxrreport.reports.sentences import sentences

_LIST_NUMBER = re.compile(r"^\s*\d+\s*[.)]\s*")
_UNSPOKEN = re.compile(r"[^\w\s,'/-]")
# a size, whose number may be withheld: "1.2 cm", "8-mm", "XXXX cm", "x cm"
_MEASUREMENT = re.compile(r"(?:\d|\bx+)[\s-]*(?:mm|cm|(?:milli|centi)met(?:er|re)s?)\b", re.IGNORECASE)


def tellable(report: str) -> list[str]:
    """Sentences in lower case, commas and hyphens kept, without full stops.

    Left out are comparisons (no prior is shown, temporal.md §2.6) and sentences that measure (the network cannot).
    """
    seen = strip_comparison(report)
    said = (seen[start:end] for start, end in sentences(seen))
    return [words for sentence in said if not _MEASUREMENT.search(sentence) and (words := _spoken(sentence))]


def _spoken(sentence: str) -> str:
    """One sentence without list number, placeholders and unspoken signs."""
    words = (word for word in _LIST_NUMBER.sub("", sentence).lower().split() if "xxxx" not in word)
    return " ".join(_UNSPOKEN.sub(" ", " ".join(words)).split()).strip(" ,/'-")
