"""What the sentences sum up that name no finding: "no acute abnormality", "the lungs are clear", "normal chest"."""

from __future__ import annotations

import re

from cxrreport.findings import ACUTE, PATHOLOGIES, PULMONARY
from cxrreport.reports.claims import Sentence, Specific

_DENIES = re.compile(r"(?:no|without|negative for)\b")
_NAMED = re.compile(r"\s*(?:\w+\s+)?")  # between "acute" and the finding that it belongs to
_PARTS = (
    (re.compile(r"\blungs?\b"), PULMONARY),
    (re.compile(r"\bheart\b"), frozenset({"cardiomegaly"})),
    (re.compile(r"\bmediastinum\b"), frozenset({"enlarged cardiomediastinum"})),
)


def summaries(text: str, sentence: Sentence) -> list[tuple[Specific, frozenset[str]]]:
    """The summaries of a sentence of a text with the findings that each denies together."""
    found = ((one, _sums_up(text, sentence, one)) for one in sentence.specifics if one.kind == "summary")
    return [(one, covered) for one, covered in found if covered]


def _sums_up(text: str, sentence: Sentence, one: Specific) -> frozenset[str]:
    """The findings that a summary denies; none where it is part of the denial of a named one ("no acute infiltrate")."""
    words = text[one.start : one.end].lower()
    if not _DENIES.match(words):
        parts = [findings for noun, findings in _PARTS if noun.search(words)]
        return frozenset().union(*parts) if parts else PATHOLOGIES
    if any(one.end <= c.start and _NAMED.fullmatch(text, one.end, c.start) for c in sentence.claims):
        return frozenset()
    of_bones = any(other.kind == "bones" for other in sentence.specifics)
    return frozenset({"fracture"}) if of_bones else ACUTE
