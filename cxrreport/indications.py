"""Why a film was made, as headers, orders and reports say it: bounded, and told from what says nothing.

An indication is text of a patient: it is stored and shown, and never part of a log, a message or a manifest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_CHARACTERS = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u061c\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")
_HEADING = re.compile(
    r"\s*(?:(?:clinical\s+)?(?:indications?|history|information|data|details|question)|ordering\s+diagnosis"
    r"|reasons?(?:\s+for\s+(?:the\s+|this\s+)?(?:exam(?:ination)?|study|procedure|request|visit|x-?ray))?)\s*:",
    re.IGNORECASE,
)
_HOLE = re.compile(
    r"X{3,}|_{2,}|\[\*\*.*?\*\*\]|\[[A-Z ]+\]|<[A-Z ]+>|#NAME\?"
)  # of de-identification, or a spreadsheet's
_CODE = re.compile(r"\b(?:[A-TV-Z]\d\w\.\w{1,4}|V\d\d\.\d{1,2}|\d{3}\.\d{1,2})\b")  # of ICD-10 or ICD-9
_WORD = re.compile(r"\w+")
_TELLING = re.compile(r"[^\W\d_]{2,}|[^\W\d_]{5,}\d+")  # "CXR2" and "IMG154" are codes of procedures
_PURPOSE = re.compile(
    r"\b(?:for|r/?o|rule\s+out|eval\w*|assess\w*|check|f/?u|follow\w*|s/?p|post|pre-?op\w*|h/o|hx|history|because"
    r"|due\s+to|suspect\w*|concern\w*|quer(?:y|ies)|c/o)\b|\?",
    re.IGNORECASE,
)
_WHO = (  # it is, and how that is put
    "an and as at by for from in is of on or the this to was were who with has had pt patient presents presenting "
    "yr yrs yo year years old age aged male female man woman boy girl gentleman lady history hx status post new"
)
_NOTHING = (
    "na nil no none not null unknown unavailable available applicable given provided specified stated information "
    "see above below per order ordered comment comments note other indication indications reason reasons clinical "
    "diagnosis exam examination study test tbd"
)
_PROCEDURE = (
    "xr cr dx dr rx cxr xray ray rays radiograph radiographs radiography radiologic roentgen röntgen film films "
    "chest thorax lung lungs rib ribs portable mobile bedside pa ap lat lateral frontal posteroanterior anteroposterior "
    "view views vw vws sing single one two three upright supine erect semi decubitus routine stat urgent procedure "
    "imaging radiology standard protocol event digital left right bilateral only ebenen projection projections"
)
_EMPTY = frozenset(f"{_WHO} {_NOTHING} {_PROCEDURE}".split())


def says_why(text: str) -> bool:
    """Tell whether a text says why a film was made: a word beyond age, sex, holes and the procedure, or a code of ICD."""
    rest = _HOLE.sub(" ", text)
    words = (word.lower() for word in _WORD.findall(rest))
    return _CODE.search(rest) is not None or any(_TELLING.fullmatch(w) and w not in _EMPTY for w in words)


def clean(text: str) -> str:
    """One line without control characters and its own heading, of at most 500 characters of whole words."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    line = _HEADING.sub("", line, count=1).lstrip(" ,;:-")
    return (
        line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS + 1].rpartition(" ")[0] or line[:MAX_CHARACTERS]
    )


def choose(reasons: Iterable[str], procedures: Iterable[str] = ()) -> str:
    """The first text that says why the film was made, cleaned; "" where none does.

    procedures : names of what was ordered, which count only where they say what for ("CHEST FOR LINE PLACEMENT").
    """
    given = [*map(clean, reasons), *(name for name in map(clean, procedures) if _PURPOSE.search(name))]
    return next(filter(says_why, given), "")
