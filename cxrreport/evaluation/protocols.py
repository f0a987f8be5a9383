"""In which form texts are compared: protocols C and R. A score without its protocol says nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cxrreport.reports.sections import clean, cut

Form = Callable[[str], str]

UNKNOWN = "<unk>"
_RARE = 3  # R2Gen's threshold on IU X-Ray: a word that train has less often is unknown
_R_TOKENS = 60  # R2Gen's longest sequence on IU X-Ray, begin token included
_DOTS = re.compile(r"\.{2,}")
# R2Gen's "():-\[\]": ":-[" is a range there, so colons and brackets go and hyphens stay
_SIGNS = re.compile(r"[.,?;*!%^&_+()\]{}\"/\\':-\[]")


@dataclass(frozen=True, slots=True)
class Protocol:
    """The form that a draft and a reference take before they are compared; `says` is one sentence for tables."""

    name: str
    says: str
    hypothesis: Form
    reference: Form


def protocol(name: str, train_reports: Iterable[str]) -> Protocol:
    """Give protocol C or R. train_reports: reports of the train split as signed; R takes its vocabulary from them.

    Raises
    ------
    KeyError : no such protocol.
    """
    return {"C": _protocol_c, "R": _protocol_r}[name](train_reports)


def _protocol_c(_: Iterable[str]) -> Protocol:
    return Protocol("C", "full references, cleaned, nothing cut", clean, clean)


def _protocol_r(train_reports: Iterable[str]) -> Protocol:
    """R2Gen's: a reference is what its tokenizer gives back.

    Drafts are cleaned alike and cut at the 60 words that R2Gen can say at most; a rare word of a draft stays, and so
    never meets an unknown one of the reference.
    """
    frequency = Counter(word for report in train_reports for word in clean_r2gen(report).split())
    known = {word for word, count in frequency.items() if count >= _RARE}

    def reference(text: str) -> str:
        words = cut(clean_r2gen(text), _R_TOKENS - 1).split()  # the begin token took one place
        return " ".join(word if word in known else UNKNOWN for word in words)

    says = "R2Gen's cleaning; references cut at 60 tokens (begin token included), words rarer than 3 in train unknown"
    return Protocol("R", says, lambda text: cut(clean_r2gen(text), _R_TOKENS), reference)


def clean_r2gen(report: str) -> str:
    """R2Gen's cleaning of IU X-Ray reports: lower case, " . " between sentences, hyphens kept, list numbers 1 to 5 gone."""
    text = _DOTS.sub(".", report).replace("1. ", "")
    for before in (". ", " "):
        for number in "2345":
            text = text.replace(f"{before}{number}. ", ". ")
    sentences = (_SIGNS.sub("", sentence.strip()) for sentence in text.strip().lower().split(". "))
    return " . ".join(sentences) + " ."
