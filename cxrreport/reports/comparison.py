"""Comparison with a prior in the text of a report: found, and removed for studies that have none (temporal.md 2.6).

A draft of a first study that says "unchanged" invents a prior; a network learns that from targets which say so.
"""

from __future__ import annotations

import re

from cxrreport.reports.sentences import sentences
from cxrreport.reports.words import COMPARISON

# Edits that take out the comparison and leave the finding, in this order.
_PRIOR = (
    r"(?:since|from|than|to)\s+(?:the\s+|a\s+|that\s+of\s+the\s+)?(?:prior|previous(?:ly)?|last|earlier|comparison)"
)
_REST = r"(?:(?!\b(?:with|and|which|but|there)\b)[^.;,)])*"  # up to where something else is said
_CHANGED = r"(?:unchanged|stable|increased|decreased|improved|worsened|similar|different|changed)"
_SEEN = r"(?:seen|noted|demonstrated|identified|visuali[sz]ed|described|present)"
_NOUN_FOLLOWS = r"(?=[a-z])(?!(?:in|from|since|and|or|as|when|at|to|on|by)\b)"
_EDITS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # "…, when compared with the prior study", "… increased since the previous exam", "… as before"
        (rf"(?:,\s*)?\b(?:{_CHANGED}\s+)?(?:in\s+\w+\s+)?{_PRIOR}\b{_REST}", ""),
        (
            rf"(?:,\s*|\(\s*)?\b(?:(?:as|when|in)\s+)?compar(?:ed|ison|ing)\b\s*(?:with|to|is\s+made\s+to)?\s{_REST}\)?",
            "",
        ),
        (
            rf"(?:,\s*)?\bas\s+(?:was\s+)?(?:before\b|previously\s+{_SEEN}|seen\s+on\s+(?:the\s+)?(?:prior|previous){_REST})",
            "",
        ),
        (r"(?:,\s*|\s+and\s+)(?:essentially\s+|grossly\s+|relatively\s+)?unchanged(?=\s*[.,;]|\s*$)", ""),
        (r"\bin\s+the\s+interval\b,?", ""),
        # "There has been interval development of …", "Redemonstration of the …"
        (
            r"^\s*(?:there\s+(?:has|have)\s+been\s+)?(?:an?\s+)?(?:(?:slight|mild|marked|significant)\s+)?(?:interval\s+)?"
            r"(?:development|increase|decrease|worsening|improvement|enlargement|progression)\s+(?:in|of)\s+"
            r"(?:the\s+)?(?:size\s+of\s+)?(?:the\s+)?",
            "",
        ),
        (r"\bre-?demonstration\s+of\s+(?:the\s+)?", ""),
        (r"\bre-?demonstrated\b", "demonstrated"),
        # "Again seen is a …", "is again noted"
        (rf"^\s*again\s+{_SEEN}\s+(?:is|are)\s+", ""),
        (r"\bthere\s+(is|are)\s+again\b", r"there \1"),
        (rf"\b(is|are)\s+again\s+(?={_SEEN})", r"\1 "),
        (rf"\bagain\s+(?={_SEEN})", ""),
        # "unchanged cardiomegaly", "new opacity", "the previously seen nodule", "remains normal"
        (rf"\b(?:(?:essentially|grossly|relatively)\s+)?unchanged\s+{_NOUN_FOLLOWS}", ""),
        (
            r"\b(?:stable|persist(?:ent|ing)|worsen(?:ed|ing)|improv(?:ed|ing)|(?:in|de)creasing|newly|new)\s+"
            + _NOUN_FOLLOWS,
            "",
        ),
        (rf"\bpreviously\s+{_SEEN}\s+{_NOUN_FOLLOWS}", ""),
        (r"\bremains\b\s+(?!of\b)", "is "),
        (r"\bremain\b\s+(?!of\b)", "are "),
    )
)
_PRENOMINAL_STABLE = re.compile(
    r"\bstable\s+(?=[\w\s-]{0,30}?\b(?:cardiomegaly|effusions?|opacit(?:y|ies)|atelectasis"
    r"|consolidations?|pneumothora(?:x|ces)|edema|nodules?|mass(?:es)?|fractures?|infiltrates?|thickening|pneumonia)\b)",
    re.IGNORECASE,
)
_EMPTY_WORDS = re.compile(
    r"\b(?:the|an?|is|are|was|were|has|have|been|there|and|or|of|in|to|it|this|these|which|but|size|appearance|also|seen"
    r"|noted|demonstrated|identified|visuali[sz]ed|present|slightly|mildly|significantly)\b|\W",
    re.IGNORECASE,
)
_LOOSE_END = re.compile(
    r"(?:[\s,]+(?:and|which|that|appears?|appearing|is|are|has|have|been|grossly|relatively|essentially|slightly|mildly|overall"
    r"|size|in))+(?=\s*[.;]*\s*$)",
    re.IGNORECASE,
)
_ARTICLES = ((re.compile(r"\b([Aa])n(?=\s+[b-df-hj-np-tv-z])"), r"\1"), (re.compile(r"\b([Aa])(?=\s+[aeio])"), r"\1n"))


def has_comparison(text: str) -> bool:
    """Tell whether a text compares with a prior."""
    return COMPARISON.search(text) is not None


def strip_comparison(text: str) -> str:
    """Remove comparison with a prior and keep the findings: "Unchanged cardiomegaly." becomes "Cardiomegaly.".

    A sentence that compares and nothing else, or that still compares after the edits, is dropped. Text without
    comparison and without a "stable" finding comes back as it was. The result never `has_comparison`.
    """
    pieces, position = [], 0
    for start, end in sentences(text):
        pieces.append(text[position:start])
        pieces.append(_strip_sentence(text[start:end]))
        position = end
    stripped = "".join([*pieces, text[position:]])
    return stripped if stripped == text else _tidy(stripped)


def _strip_sentence(sentence: str) -> str:
    edited = _PRENOMINAL_STABLE.sub("", sentence)
    if has_comparison(edited):
        for pattern, replacement in _EDITS:
            edited = pattern.sub(replacement, edited)
    if has_comparison(edited):
        return ""
    return sentence if edited == sentence else _mended(edited, sentence[0].isupper())


def _mended(edited: str, capital: bool) -> str:
    """Repair what the edits left: loose words at the end, spaces, articles, the capital; "" if nothing is said."""
    edited = _LOOSE_END.sub("", edited)
    if not _EMPTY_WORDS.sub("", edited):
        return ""
    for pattern, article in _ARTICLES:
        edited = pattern.sub(article, edited)
    edited = re.sub(r"\s+(?=[.,;])|,(?=\s*[.;])", "", re.sub(r"[ \t]+", " ", edited)).strip(" ,;")
    return edited[0].upper() + edited[1:] if capital else edited


def _tidy(text: str) -> str:
    """Close the gaps that dropped sentences leave."""
    text = re.sub(r"(?m)^[ \t]*(?:\d{1,2}[.)]|[-*•])[ \t]*(?=$|\d{1,2}[.)]\s)", "", text)
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[ \t]{2,}", " ", text)).strip()
