"""Whether a sentence is whole English, or has holes where de-identification took words out."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"x{3,}|_{2,}", re.IGNORECASE)  # what stands for a word that was taken out
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|appears?|remains?|shows?|demonstrates?|reveals?|identif(?:y|ied)|seen|noted"
    r"|cannot|can|may|could|lies?|persists?|overl(?:y|ies)|suggests?|represents?|contains?|reached|developed|resolved"
    r"|worsened|improved|increased|decreased)\b"
)
# "No pleural effusion.", "Negative for effusion.", "Normal heart size.", "Lungs clear." go without one.
_WITHOUT_VERB = re.compile(
    r"(?:no|negative for|without|normal|clear|unremarkable)\b(?:\W+\w+)+"
    r"|(?:\w+\W+){1,8}?(?:clear|normal|unremarkable|intact|within normal limits)\b.*"
)
_LOOSE = r"(?:is|are|was|were|and|or|of|in|on|at|with|to|for|which|that|the|an?|has|have|from|by|but|than|as|no|under)"
_ADJECTIVE = (
    r"(?:pulmonary|cardiac|mediastinal|osseous|bony|pleural|thoracic|vascular|hilar|focal|acute|small|mild|moderate|large"
    r"|scattered|left|right|bilateral|upper|lower)"
)
# What no sentence holds that is whole: two words side by side of which one lacks its noun.
_HOLES = (
    r"\b(?:the|an?) (?:is|are|was|were|and|or|of|has|have|but|which|the|an?|to)\b",
    r"\b(?:of|in|at|with|for|from|by|and|or|on) (?:is|are|was|were|and|or|of|has|have|but)\b",
    r"\b(?:is|are|to) (?:is|are|was|were|and|or|has|have|but|to)\b",
    r"\b(?:of|in|for|from|by) (?:of|in|for|from|by|with|and)\b",
    r"\b(?:focal|osseous|bony|pleural|pulmonary|thoracic|cardiac|acute) (?:is|are)\b",
    r"\b(?:focal|osseous|bony|pleural|pulmonary|thoracic|cardiac|acute) and (?:is|are|vasculature|heart|mediastinum)\b",
    rf"\b{_ADJECTIVE} of\b",
    r"(?<!is )(?<!are )\b(?:mildly|moderately|slightly) (?:of|in|and)\b",
    r"\w-(?=\s|[.,;]|$)",
    r"[,;:]\s*[,;:.]|\(\s*\)",
    r"(?<!tube )(?<!catheter )(?<!line )(?<!lead )(?<!wire )(?<!port )(?<!picc )(?<!the )(?<!its )(?<!with )\btips?\b",
    r"\bblunted costophrenic(?! (?:angle|sulc|recess))",
    r"\bshows? an? (?:cardio\w+|mediastinal) silhouette",
    r"\b(?:an?|the) [mc]m\b|\b(?:on|in) the cannot\b|, in (?:degree|size|severity)\b",
    r"\b(?:is|are|appears?) (?:normal|large|small) size\b",
    r"\b(?:pulmonary|hilar) vascular (?:is|are|appears?|and|within)\b",
)
_HOLE = re.compile("|".join(_HOLES))
_BEGINS = re.compile(
    rf"(?:(?!(?:no|the|an?|in both|on the|at the)\b){_LOOSE}|appears?|seen|noted|there (?!is|are|has|have|may|was|were))\b"
)
_ENDS = re.compile(rf"\b(?:{_LOOSE}|{_ADJECTIVE})\W*$")


def is_whole(sentence: str) -> bool:
    """Whether a sentence can stand in a report: it begins and ends as one, has a verb or needs none, and no hole."""
    words = " ".join(sentence.lower().split()).strip(" .")
    if not words or PLACEHOLDER.search(words) or _BEGINS.match(words) or _ENDS.search(words) or _HOLE.search(words):
        return False
    return bool(_VERB.search(words) or _WITHOUT_VERB.fullmatch(words))
