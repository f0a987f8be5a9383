"""From the marked parts of a structured report to its sections: headings, signatures and mark-up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from html import unescape

from striprtf.striprtf import font_table_group, rtf_to_text

from cxrreport.reports import sections
from cxrreport.reports.headings import has_sections
from cxrreport.reports.parsing import decode

Part = tuple[str, str]  # section ("" = not known) and text

# DICOM CID 7001 and TID 2000/2001 (headings and their elements), LOINC, and the suffixes of HL7 v2 (2.3 table 7.1.4).
SECTIONS = {
    "121070": "findings", "121071": "findings", "59776-5": "findings", "GDT": "findings", "18782-3": "",
    "121072": "impression", "121073": "impression", "121074": "impression", "121075": "impression",
    "121076": "impression", "121077": "impression", "121111": "impression", "19005-8": "impression",
    "18783-1": "impression", "IMP": "impression", "REC": "impression", "CNS": "impression",
    "121078": "addendum", "ADT": "addendum", "55107-7": "addendum", "18834-2": "comparison",
    "121060": "indication", "121062": "indication", "121109": "indication", "121110": "indication",
    "18785-6": "indication", "11329-0": "indication", "55752-0": "indication",
    "121064": "technique", "121065": "technique", "121066": "technique", "121067": "technique",
    "55111-9": "technique", "121068": "technique", "121069": "technique", "TCM": "technique",
}  # fmt: skip
_REPORTED = {"findings", "impression"}
_ORDER = ("", "findings", "impression", "addendum", "comparison")
# One line that names a person or the order, and the sentence that signs a report, which may go on to the next line.
_SIGNATURE = re.compile(
    r"^[ \t]*(?:(?:requested|ordered|dictated|transcribed|(?:electronically[ \t]+)?signed|reviewed|verified|approved"
    r"|finali[sz]ed|interpreted|read|pending[ \t]+review)[ \t]+by\b[^\n]*"
    r"|acc#[^\n]*"
    r"|\*{3,}[^\n]{0,40}report[^\n]{0,4}\*{3,}[^\n]*"
    r"|this[ \t]+(?:document|report)[ \t]+(?:has[ \t]+been|was)[ \t]+(?:electronically[ \t]+)?(?:signed|verified|approved)"
    r"[^\n]*(?:\n(?![A-Z ]{4,40}:)[^\n]+){0,2})$",
    re.IGNORECASE | re.MULTILINE,
)
RTF = "{\\rtf"  # how a document begins
_MAX_FONTS = 20_000  # characters of a font table: longer ones cost striprtf their length squared
_RTF = re.compile(r"\\[a-z]+-?\d* ?|\\'[0-9a-f]{2}|\\.|[{}]|[^\\{}]+", re.IGNORECASE | re.DOTALL)
# An element's attributes have values: "<small left effusion>", "<left>" and "<5 mm and >" are words of a report.
_REST = r"(?:\s+[\w:.-]++\s*+=\s*+(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\s\"'<>]++))*+\s*+/?>"
_BREAK = re.compile(rf"<(?:br|/?p|/?div|/?tr|/?h[1-6]|/?li|/?ol|/?ul|/?table|hr){_REST}", re.IGNORECASE)
_HIDDEN = re.compile(rf"<(script|style|head){_REST}|<!--", re.IGNORECASE)
# Elements of HTML, and Word's with a colon.
_TAG = re.compile(
    r"</?(a|abbr|b|big|blockquote|body|br|caption|center|code|col|colgroup|dd|div|dl|dt|em|font|footer|form|h[1-6]|head|header"
    r"|hr|html|i|img|input|ins|label|li|link|main|meta|nav|ol|p|pre|q|s|section|small|span|strike|strong|style|script|sub|sup"
    r"|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul|[a-z]{1,9}:[a-z]{1,20})"
    rf"{_REST}|<!doctype\b[^<>]*>|<\?xml[^<>]*>",
    re.IGNORECASE,
)
_CLOSED = re.compile(r"</([a-z]+)\s*+>", re.IGNORECASE)
_WORDS = frozenset(
    [
        "big",
        "body",
        "center",
        "code",
        "font",
        "form",
        "head",
        "header",
        "label",
        "main",
        "section",
        "small",
        "span",
        "strong",
        "title",
    ]
)
_TOO_LONG = re.compile(r"&#(?:\d{8,}+|x[0-9a-f]{7,}+);?", re.IGNORECASE)  # no character, and Python refuses the number


def assemble(parts: Iterable[Part]) -> sections.Sections:
    """Put the parts of one report together, in order and by section; headings within a text count as usual.

    Parts of no section are split by their own headings. The technique is no part of a report here.
    """
    by_section: dict[str, list[str]] = {}
    for section, text in parts:
        by_section.setdefault(section, []).append(text)
    technique = _take_unheaded(by_section) if _REPORTED & by_section.keys() else ""
    blocks = (_block(section, "\n".join(by_section.get(section, ()))) for section in _ORDER)
    found = sections.split("\n".join(filter(None, blocks)))
    indication = plain("\n".join(by_section.get("indication", ())))
    return replace(found, indication=indication or found.indication, technique=found.technique or technique)


def _take_unheaded(by_section: dict[str, list[str]]) -> str:
    """Put what stands under no heading at all to the findings: beside headed ones the splitter would take it for a title.

    Returns its technique.
    """
    loose = plain("\n".join(by_section.get("", ())))
    if has_sections(loose):
        return ""
    own = sections.split(loose)
    if not own.findings:
        return ""
    by_section[""] = []
    by_section.setdefault("findings", []).append(own.findings)
    for section in ("addendum", "comparison", "indication"):
        if text := getattr(own, section):
            by_section.setdefault(section, []).append(text)
    return own.technique


def _block(section: str, text: str) -> str:
    text = unsigned(plain(text))
    if not text or not section:
        return text
    return f"{section.upper()}:\n{text}"


def is_heading(name: str) -> bool:
    """Does the splitter of free text know this heading?"""
    found = sections.split(f"{name.upper()}:\nx")
    return bool(name) and "x" in (found.findings, found.impression, found.comparison, found.indication, found.technique)


def plain(text: str) -> str:
    """Text without what is left of RTF and HTML mark-up."""
    if RTF in text:
        text = _without_rtf(text)
    if _TAG.search(text):
        text = without_tags(text)
    return decode.prose(text)


def without_tags(text: str) -> str:
    """HTML as lines of plain text. Between angles, what is an English word and is never closed is one."""
    closed = {match[1].lower() for match in _CLOSED.finditer(text)}

    def shown(match: re.Match[str]) -> str:
        name = (match[1] or "").lower()
        return match[0] if name in _WORDS and name not in closed else ""

    lines = _TAG.sub(shown, _BREAK.sub("\n", _without_hidden(text)))
    return unescape(_TOO_LONG.sub("", lines)).replace("\xa0", " ")


def _without_hidden(text: str) -> str:
    """Without comments, scripts, styles and the head of a page, as far as they are closed."""
    kept, done, lower, never = list[str](), 0, text.lower(), set[str]()
    for match in _HIDDEN.finditer(text):
        close = f"</{match[1].lower()}" if match[1] else "--"
        if match.start() < done or close in never:
            continue
        end = lower.find(close, match.end())
        if end < 0:
            never.add(close)  # else it would be looked for to the end of the text each time
            continue
        kept.append(text[done : match.start()])
        done = text.find(">", end) + 1 or len(text)
    return "".join([*kept, text[done:]])


def unsigned(text: str) -> str:
    """Text without lines that name who ordered, read or signed it, and without banners."""
    return re.sub(r"\n{3,}", "\n\n", _SIGNATURE.sub("", text)).strip()


def _without_rtf(text: str) -> str:
    """The words of each RTF document in a text, and what stands before the first; "" for one that is broken."""
    before, *documents = text.split(RTF)
    return "\n".join(filter(None, (before.strip(), *(_rtf(RTF + document) for document in documents))))


def _rtf(document: str) -> str:
    if len(font_table_group(document)) > _MAX_FONTS:
        document = document.replace("\\fonttbl", "\\*")
    try:
        text: str = rtf_to_text(_shown(document), errors="replace")
    except (ValueError, TypeError, LookupError, OverflowError):
        return ""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()  # \u gives letters in two halves


def _shown(document: str) -> str:
    """RTF without hidden text, tracked deletions ("{\\deleted No} effusion") and escapes that are none."""
    kept: list[str] = []
    hidden = [False]  # in each open group
    for token in _RTF.findall(document):
        word = token.rstrip()
        if token == "{":
            hidden.append(hidden[-1])
        elif token == "}":
            hidden[1:] = hidden[1:-1]
        elif word in ("\\deleted", "\\deleted1", "\\v", "\\v1"):
            hidden[-1] = True
        elif word in ("\\deleted0", "\\v0", "\\plain"):
            hidden[-1] = False
        elif hidden[-1] or token == "\\'":
            continue
        kept.append(token)
    return "".join(kept)
