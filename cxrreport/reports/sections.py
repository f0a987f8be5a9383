"""From the text of a report to its sections, sentences and the cleaned form that the network learns from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from cxrreport import addenda
from cxrreport.reports.headings import Heading, find_headings
from cxrreport.reports.sentences import sentences

__all__ = ["Sections", "clean", "cut", "split", "without_addenda"]


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections of one report, "" where there is none."""

    findings: str = ""
    impression: str = ""
    comparison: str = ""
    indication: str = ""
    technique: str = ""
    addendum: str = ""

    @property
    def is_empty(self) -> bool:
        """Is there neither a report nor an addendum?"""
        return not (self.findings or self.impression or self.addendum)


# How findings begin that stand without a heading behind another section: "COMPARISON: None. The lungs are clear."
_ANATOMY = (
    r"lungs?\b|heart|cardi|mediastin|pulmonary|pleura|osseous|bon[ey]|hil(?:ar|a|um)\b|aort|trachea|diaphragm"
    r"|costophrenic"
    r"|(?:upper|lower|middle)\s+lobe|spine|thora(?:x|cic)|sternotomy|hemidiaphragm|opaci|effusion|pneumothora"
    r"|granulom|air ?space|interstitial"
    r"|infiltrat|atelecta|consolidat|nodul|fracture|edema|catheter|\btubes?\b|central\s+line|pacemaker|defibrillator"
    r"|postsurgical"
)
_FINDINGS_BEGIN = re.compile(
    rf"\s*(?:(?:the|both|there|no|a|an|mild|mildly|stable|normal|clear|low|small|right|left|bilateral|calcified"
    rf"|frontal|two|pa"
    rf"|again|visuali[sz]ed)\b[^.]{{0,80}}?\b(?:{_ANATOMY}|views?\b|acute)|(?:{_ANATOMY})|there\s+(?:is|are)\b)",
    re.IGNORECASE,
)
# A comparison or technique goes on about images; whatever else speaks of the chest is findings.
_NO_STUDY = re.compile(
    rf"\s*(?!(?:ct|chest|comparison|prior|previous|portable|x-?ray|radiograph|cxr"
    rf"|dated)\b)[^.]{{0,100}}?\b(?:{_ANATOMY})",
    re.IGNORECASE,
)
_NO_PRIOR = re.compile(
    r"\s*(?:none|n/a|no\s+(?:prior|previous|comparison)s?(?:\s+(?:stud(?:y|ies)|exams?|films?))?)"
    r"(?:\s+(?:available|provided|given|known|for\s+comparison)){0,2}(?:\s*\.|(?=\s+(?-i:[A-Z][a-z])))",
    re.IGNORECASE,
)
_CAPITAL = re.compile(r"(?<=[^\s.] )[A-Z][a-z]")  # a sentence that begins where the one before was left without a stop
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_REPORTED = ("findings", "impression")
_BEFORE_FINDINGS = ("comparison", "technique", "indication", "addendum")
_TITLE = re.compile(  # "XR CHEST PA AND LATERAL 1/2/2020 10:30 AM", no word of what is seen
    r"(?=.*\b(?:chest|x-?ray|xr|cxr))(?:(?>(?:xr|cr|dx|cxr|chest|x-?rays?|radiographs?|portable|pa|ap|and|lateral|frontal"
    r"|views?|two|one|single|films?|upright|supine|erect|of|the|exam|am|pm|[/:.-]*+\d++(?:[/:.-]++\d++)*+)\b)"
    r"[\s,()&/-]*+){1,20}+",
    re.IGNORECASE,
)


def split(text: str) -> Sections:
    """Split a report into sections.

    Text before the first heading and a report without headings are findings; "FINDINGS AND IMPRESSION:" is findings.
    Where nothing is headed findings, a new paragraph behind another section, or a sentence there that begins as findings
    do, is findings. A section that comes twice is joined; addenda stay apart
    (`cxrreport.addenda`), with headings of their own. Lines such as "DATE: …" belong to no section.
    """
    parts: dict[str, list[str]] = {}
    headings = _apart(text, every := find_headings(text))
    headed = any(heading.section == "findings" for heading in headings)
    title, leading = _leading(text[: headings[0].start if headings else len(text)])
    if title:
        parts["technique"] = [title]
    if leading and not headed:
        parts["findings"] = [leading]
    if "findings" not in parts and not headed and len(headings) == len(every):
        headings = _with_unheaded(text, headings)
    ends = [*(heading.start for heading in headings[1:]), len(text)]
    for heading, end in zip(headings, ends):
        body = text[heading.end : end].strip()
        if heading.section and body:
            parts.setdefault(heading.section, []).append(body)
    addendum = addenda.join(parts.pop("addendum", []))
    return Sections(**{section: "\n".join(bodies) for section, bodies in parts.items()}, addendum=addendum)


def _apart(text: str, headings: Sequence[Heading]) -> list[Heading]:
    """Headings of the report, without those within its addenda, whose text stays theirs.

    Within an addendum is a section that was told before it, or one alone directly behind its heading; findings and
    impression both are a report below an empty one.
    """
    kept, told, within = list[Heading](), set[str](), None
    for number, heading in enumerate(headings):
        if heading.section == "addendum":
            within = set[str]()
        elif within is not None and heading.section in _REPORTED:
            alone = not text[kept[-1].end : heading.start].strip() and not _is_whole(headings[number:])
            if (within or alone or heading.section in told) and heading.section not in within:
                within.add(heading.section)
                if kept[-1].section != "addendum":  # its comparison, for one
                    kept.append(replace(heading, section="addendum"))
                continue
            within = None
        elif not heading.section:
            within = None
        kept.append(heading)
        told.add(heading.section)
    return kept


def _is_whole(headings: Sequence[Heading]) -> bool:
    """Do headings up to the next addendum hold findings and impression?"""
    own = {one.section for one in takewhile(lambda one: one.section not in ("addendum", ""), headings)}
    return own.issuperset(_REPORTED)


def without_addenda(section: str) -> tuple[str, str]:
    """Text of one section up to its first addendum, and the addenda."""
    first = next((one.start for one in find_headings(section) if one.section == "addendum"), len(section))
    rest = split(section[first:])
    return section[:first].strip(), addenda.join([*addenda.part(rest.addendum), rest.findings, rest.impression])


def _leading(text: str) -> tuple[str, str]:
    """Title of the examination, "" where the first line is none, and the text below it."""
    first, _, rest = text.strip().partition("\n")
    return (first.strip(), rest.strip()) if _TITLE.fullmatch(first.strip()) else ("", text.strip())


def _with_unheaded(text: str, headings: Sequence[Heading]) -> list[Heading]:
    """Headings, with an empty one of the findings where these begin unannounced before the impression."""
    last = next((i for i, heading in enumerate(headings) if heading.section == "impression"), len(headings)) - 1
    if last < 0 or headings[last].section not in _BEFORE_FINDINGS:
        return list(headings)
    end = headings[last + 1].start if last + 1 < len(headings) else len(text)
    place = _unheaded(text, headings[last].end, end, headings[last].section)
    found = [] if place is None else [Heading(place, place, "findings")]
    return [*headings[: last + 1], *found, *headings[last + 1 :]]


def _unheaded(text: str, start: int, end: int, section: str) -> int | None:
    """Where findings without a heading begin behind the section at start:end."""
    body = text[start:end]
    first = len(body) - len(body.lstrip())
    paragraph = _PARAGRAPH.search(body, first)
    if paragraph and body[paragraph.end() :].strip():
        return start + paragraph.end()
    none = _NO_PRIOR.match(body)
    if none and body[none.end() :].strip():
        return start + none.end()
    begun = _NO_STUDY if section in ("comparison", "technique") else _FINDINGS_BEGIN
    begins = sorted({*(begin for begin, _ in sentences(body)), *(match.start() for match in _CAPITAL.finditer(body))})
    for begin in begins:
        if begin > first and (
            _FINDINGS_BEGIN.match(body, begin) or (body[begin - 2 : begin] == ". " and begun.match(body, begin))
        ):
            return start + begin
    return None


_LIST_NUMBER = re.compile(r"(?:(?<=\s)|^)\d{1,2}[.)]\s+")
_REPEATS = ((re.compile(r"_+"), "_"), (re.compile(r"\s+"), " "), (re.compile(r"\.{2,}"), "."))
_SENTENCE_DOT = re.compile(r"\.(?:\s+|$)|(?<=[a-z])\.(?=[A-Z])")
_NOT_WORD = re.compile(r"[^\w\s]|_")


def clean(text: str) -> str:
    """Clean a report for the network: lower case, words and " . " between sentences, " ." at the end.

    Gives "" for a text without a word. Signs within a word go without a trace, as in the recipe of R2Gen: "1.5 cm"
    becomes "15 cm", and so in the published references and in all that the text tower has learnt. For embedding and
    scoring only, then; what a person reads or a number is taken from must come from the report itself.
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
