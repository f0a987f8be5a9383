"""Where the sentences of a report begin and end."""

from __future__ import annotations

import re

# A full stop ends a sentence before white space, the end or a capital ("apex.There"), not within "3.3 mm" or after
# the abbreviations below; a question mark only behind a word ("? pneumothorax" is one); a blank line and a new list
# item end one too, a wrapped line does not.
_BOUNDARY = re.compile(
    r"(?<!\bvs)(?<!\bdr)(?<!\bDr)(?<!\bapprox)(?<!\be\.g)(?<!\bi\.e)(?:[.!]|(?<=\w)\?)[.!?]{0,20}+(?=\s|$|[A-Z])"
    r"|\n[ \t]*\n|\n(?=[ \t]*(?:\d{1,2}[.)]|[-*•])[ \t])"
)
_LONGEST_LEAD = 100  # characters, blank lines and all
_LEAD = re.compile(r"\s*(?:(?:\d{1,2}[.)]|[-*•])(?:\s+|$))?")


def sentences(text: str) -> list[tuple[int, int]]:
    """Half-open character spans of the sentences in order, without list numbers and surrounding white space."""
    spans, start = [], 0
    for match in _BOUNDARY.finditer(text):
        if match.end() - start < _LONGEST_LEAD and _LEAD.fullmatch(text, start, match.end()):
            # "1." is no sentence, it leads the next
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, len(text)))
    trimmed = (_trim(text, *span) for span in spans)
    return [span for span in trimmed if any(c.isalnum() for c in text[slice(*span)])]


def pieces(text: str, longest: int = 600) -> list[tuple[int, int]]:
    """Sentences, those beyond `longest` characters cut at white space: what is broken must not cost time squared."""
    return [piece for span in sentences(text) for piece in _cut(text, *span, longest)]


def _cut(text: str, start: int, end: int, longest: int) -> list[tuple[int, int]]:
    cut = []
    while end - start > longest:
        place = max(text.rfind(" ", start, start + longest), text.rfind("\n", start, start + longest))
        place = place if place > start else start + longest
        cut.append((start, place))
        start = place
    return [*cut, (start, end)]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    lead = _LEAD.match(text, start, end)
    start = lead.end() if lead else start
    return start, start + len(text[start:end].rstrip())
