"""Headings of the sections of a report, in the spellings that hospitals use."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading at start:end (half-open) and the section it opens; "" for what is no part of the report proper."""

    start: int
    end: int
    section: str


_IMPRESSIONS = r"(?:impressions?|conclusions?|interpretation)"
_EXAM = r"(?:exam(?:ination)?|study|procedure|request|visit|x-?ray)"
# Names that head nothing else, even in the middle of a line, and names that are also common words.
_STRONG = {
    "findings": rf"findings?(?:\s*(?:and|&|/|or|and/or)\s*{_IMPRESSIONS})?|{_IMPRESSIONS}\s*(?:and|&|/)\s*findings?"
    r"|body\s+of\s+report",
    "impression": r"(?:final\s+|clinical\s+)?impressions?|conclusions?|radiologic(?:al)?\s+diagnosis",
    "comparison": r"comparisons?(?:\s+(?:stud(?:y|ies)|exams?|examinations?|films?|date))?|compared?\s+(?:to|with)",
    "indication": r"(?:clinical\s+)?indications?(?:\s*(?:and|/)\s*history)?|clinical\s+(?:history|information|data"
    r"|details|statement|question)"
    rf"|reasons?\s+for\s+(?:the\s+|this\s+)?{_EXAM}|patient\s+history",
    "technique": r"techniques?",
    "addendum": r"(?:late\s++)?addend(?:um|a)(?:\s++(?:start|begins?|report))?(?:\s*+(?:#|no\.?|number)?\s*+\d{1,2})?"
    r"|addended\s++report",
}
_WEAK = {
    "findings": r"(?:chest\s+)?findings?|report|observations?|description|narrative",
    "impression": r"opinion|interpretation|assessment|summary|recommendations?(?:\(s\))?",
    "comparison": r"prior\s+stud(?:y|ies)|priors?|previous\s+(?:stud(?:y|ies)|exams?)",
    "indication": r"history|hx|ordering\s+diagnosis|signs\s+and\s+symptoms",
    "technique": rf"procedure|exam(?:ination)?(?:\s+type)?|views?|study|type\s+of\s+{_EXAM}|{_EXAM}\s+(?:performed"
    rf"|description)",
    "": r"(?:accession|patient|(?:exam\s+|study\s+|report\s+)?date|name|mrn|dob|sex|age|dictated|signed"
    r"|electronically\s+signed|radiologist"
    r"|attending|resident|transcribed|transcriptionist|notification|recommendations?\s+to|wet\s+read|addendum\s+by"
    r"|end\s+of\s+(?:report|addendum|impression)"
    r"|status|ordering\s+(?:physician|provider)|referring\s+(?:physician|provider)|location|cc)(?:\s+(?:number|id"
    r"|name|by|of\s+birth|time))?",
}
# "PA AND LATERAL VIEWS OF THE CHEST: …" opens findings.
_VIEWS = (
    r"(?:(?:pa|ap|frontal|lateral|portable|upright|supine|semi-?upright|semi-?erect|erect|single|two|one|2|1|and"
    r"|views?|of|the|&)[ ,]{1,3}){1,9}"
    r"chest(?:[ ,]{1,3}(?:radiographs?|x-?rays?|views?|films?|two|single|pa|ap|and|lateral)){0,5}"
)
# What stands on a line without a colon and is no part of the report; a signature takes the rest of its line with it.
_BARE = (
    r"(?:final|preliminary|original|radiology|imaging|diagnostic)\s+(?:radiology\s+)?report"
    r"|addendum\s+(?:ends?|complete)|end\s+of\s+(?:report|addendum)"
)
_SIGNATURE = (
    r"(?:electronically\s+(?:signed|verified|authenticated)|dictated\s+(?:by|and|on)|signed\s+by|transcribed\s+(?:by"
    r"|on)|finali[sz]ed\s+by"
    r"|reviewed\s+and\s+signed|i\s+have\s+personally\s+reviewed|report\s+(?:electronically\s+)?(?:signed"
    r"|dictated))\b[^\n]*"
)


def _named(names: dict[str, str], prefix: str) -> str:
    return "|".join(f"(?P<{prefix}_{section or 'other'}>{words})" for section, words in names.items())


# "Addendum by J. Smith, MD on 1/2/2024 at 10:30 AM: …", "ADDENDUM #1 (2024-01-02)"; the colon of a time ends nothing.
_ADDED = (
    r"(?:late[ \t]++)?addendum\b[ \t]*+(?:(?:[#(,\d\[-]|(?:by|on|to|dated|created|entered|added|made|dictated|at)\b)"
    r"(?:[^:\n]|(?<=\d):(?=\d)){0,100}+:|[ \t\d#()/.:-]{1,40}+$)"
)
# What repeats gives nothing back (*+, ++), for else a line of spaces costs its length cubed.
_LEAD = r"^[ \t]*+(?:[*#>=_\[<-]++[ \t]*+)?(?:\d{1,2}[.)][ \t]*+)?"
_TRAIL = r"[ \t]*+(?:[*\]>=_]++[ \t]*+)?(?::[ \t]*+\**+|-{1,2}(?=[ \t])|$)"
# At the start of a line in any case, there a colon may be missing if the heading stands alone ...
_LINE = re.compile(
    rf"{_LEAD}(?:(?:{_named(_STRONG, 's')}|{_named(_WEAK, 'w')}){_TRAIL}"
    rf"|(?P<x_addendum>{_ADDED})"
    rf"|(?P<v_findings>{_VIEWS})[ \t]*:|(?P<b_other>(?:{_BARE})[ \t*:=_]*$|{_SIGNATURE}))",
    re.IGNORECASE | re.MULTILINE,
)
# ... inside a line with a colon and a capital: "… in the right lung. Impression: …", not "the impression: of a mass". Common
# words are taken for headings there only in capitals behind the end of a sentence.
_INLINE = re.compile(rf"(?<=[\s.;:,)])(?:{_named(_STRONG, 's')}|{_named(_WEAK, 'w')})[ \t]?:", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;:)][ \t]*$")


# What a field may be called whose text is a section: names that are none of an examination or of a whole report.
_NAMES = {
    section: re.compile(
        rf"{_STRONG[section]}|{_WEAK[section]}" if section in _WEAK else _STRONG[section], re.IGNORECASE
    )
    for section in ("impression", "indication", "comparison", "addendum")
} | {section: re.compile(_STRONG[section], re.IGNORECASE) for section in ("findings", "technique")}


def section_named(name: str) -> str:
    """The section that is called so, whole or by its last word ("XR CHEST IMPRESSION"); "" where it is none of a report."""
    whole = name.strip(" :")
    names = (whole, whole.rpartition(" ")[2])
    return next((section for one in names for section, pattern in _NAMES.items() if pattern.fullmatch(one)), "")


def find_headings(text: str) -> list[Heading]:
    """Every heading in order; none overlaps another."""
    lines = [Heading(*match.span(), _section(match)) for match in _LINE.finditer(text)]
    starts = [heading.start for heading in lines]
    inline = []
    for match in _INLINE.finditer(text):
        before = bisect_right(starts, match.start()) - 1
        if (before < 0 or lines[before].end <= match.start()) and _is_heading(text, match):
            inline.append(Heading(*match.span(), _section(match)))
    return sorted([*lines, *inline], key=lambda heading: heading.start)


def has_sections(text: str) -> bool:
    """Are findings or an impression headed?"""
    return any(heading.section in ("findings", "impression") for heading in find_headings(text))


def _section(match: re.Match[str]) -> str:
    section = next(name for name, words in match.groupdict().items() if words is not None).partition("_")[2]
    return "" if section == "other" else section


def _is_heading(text: str, match: re.Match[str]) -> bool:
    """Tell a heading inside a line from words of a sentence."""
    words = match.group()
    if (match.lastgroup or "").startswith("s_"):
        return words[0].isupper()
    return words == words.upper() and _SENTENCE_END.search(text, max(0, match.start() - 4), match.start()) is not None
