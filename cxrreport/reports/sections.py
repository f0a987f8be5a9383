"""From the text of a report to its sections, sentences and the cleaned form that the network learns from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cxrreport.reports.comparison import has_comparison, strip_comparison
from cxrreport.reports.sentences import sentences

__all__ = ["Sections", "clean", "cut", "has_comparison", "sentences", "split", "strip_comparison"]


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections of one report, "" where there is none."""

    findings: str = ""
    impression: str = ""
    comparison: str = ""
    indication: str = ""
    technique: str = ""


_NAMES = {
    "findings": r"findings?|chest\s+findings|report|observations?|body\s+of\s+report|description",
    "impression": r"impressions?|conclusions?|opinion|interpretation|assessment|summary|final\s+impression",
    "comparison": r"comparisons?(?:\s+stud(?:y|ies)|\s+exams?)?|prior\s+stud(?:y|ies)",
    "indication": r"indications?|(?:clinical\s+)?history|clinical\s+(?:information|indication|data|details)"
    r"|reason\s+for\s+(?:the\s+)?(?:exam(?:ination)?|study|this\s+examination)",
    "technique": r"techniques?|procedure|exam(?:ination)?|views?|study|type\s+of\s+exam",
    "": r"(?:accession|patient|date|name|mrn|dob|sex|age|dictated|signed|electronically\s+signed|radiologist"
    r"|attending|notification|recommendations?\s+to|wet\s+read|addendum\s+by)(?:\s+(?:number|id|name|by|of\s+birth))?",
}
_ANY_NAME = "|".join(f"(?P<{key or 'other'}>{names})" for key, names in _NAMES.items())
# At the start of a line in any case, there a colon may be missing if the heading stands alone; inside a line only in
# capitals and with a colon: "… in the right lung. IMPRESSION: …" but not "the impression: of a mass".
_LINE_HEADING = re.compile(
    rf"^[ \t*#>]*(?:{_ANY_NAME})[ \t*]*(?::|-(?=[ \t])|(?=[ \t]*$))", re.IGNORECASE | re.MULTILINE
)
_INLINE_NAME = re.compile(r"(?<=[\s.;,])[A-Z][A-Z ]{3,40}:")


def split(text: str) -> Sections:
    """Split a report into sections.

    Text before the first heading and a report without headings are findings; "FINDINGS AND IMPRESSION:" is findings.
    A section that comes twice is joined. Lines such as "DATE: …" belong to no section.
    """
    parts: dict[str, list[str]] = {}
    headings = _headings(text)
    bounds = [*headings, (len(text), len(text), "")]
    leading = text[: bounds[0][0]].strip()
    if leading and not any(key == "findings" for *_, key in headings):
        parts["findings"] = [leading]
    for (_, start, key), (end, *_) in zip(headings, bounds[1:]):
        body = text[start:end].strip()
        if key and body:
            parts.setdefault(key, []).append(body)
    return Sections(**{key: "\n".join(bodies) for key, bodies in parts.items()})


def _headings(text: str) -> list[tuple[int, int, str]]:
    """(start, end, section) of every heading in order."""
    found = {m.start(): (m.start(), m.end(), _section(m)) for m in _LINE_HEADING.finditer(_joint_heading(text))}
    for match in _INLINE_NAME.finditer(text):
        heading = _LINE_HEADING.fullmatch(_joint_heading(match.group()))
        if heading and not any(start <= match.start() < end for start, end, _ in found.values()):
            found[match.start()] = (match.start(), match.end(), _section(heading))
    return sorted(found.values())


def _joint_heading(text: str) -> str:
    """Blank out "AND/OR IMPRESSION" of a joint heading, offsets kept."""
    return re.sub(r"(?im)(?<=findings)\s*(?:and|/|&)\s*impressions?(?=[ \t]*:)", lambda m: " " * len(m.group()), text)


def _section(match: re.Match[str]) -> str:
    return "" if match.lastgroup in (None, "other") else str(match.lastgroup)


_LIST_NUMBER = re.compile(r"(?:(?<=\s)|^)\d{1,2}[.)]\s+")
_REPEATS = ((re.compile(r"_+"), "_"), (re.compile(r"\s+"), " "), (re.compile(r"\.{2,}"), "."))
_SENTENCE_DOT = re.compile(r"\.(?:\s+|$)|(?<=[a-z])\.(?=[A-Z])")
_NOT_WORD = re.compile(r"[^\w\s]|_")


def clean(text: str) -> str:
    """Clean a report for the network (model.md 1.1): lower case, words and " . " between sentences, " ." at the end.

    Gives "" for a text without a word.
    """
    for pattern, replacement in _REPEATS:
        text = pattern.sub(replacement, text)
    text = _LIST_NUMBER.sub("", text)
    parts = (" ".join(_NOT_WORD.sub("", part).split()) for part in _SENTENCE_DOT.split(text))
    kept = [part.lower() for part in parts if part]
    return " . ".join(kept) + " ." if kept else ""


def cut(text: str, words: int = 100) -> str:
    """Keep the first `words` whitespace-separated words."""
    return " ".join(text.split()[:words])
