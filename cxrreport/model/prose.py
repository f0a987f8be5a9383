"""What the decoder said -> prose for a radiologist, with flags for what was mended."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cxrreport.codes import Flag

_RUNAWAY = re.compile(r"\b(\w+)(?:\W+\1\b){3}")  # the same word four times on end: the decoder has lost itself


@dataclass(frozen=True, slots=True)
class Prose:
    """Sentences with capitals and full stops; `runaway` where the decoder has lost itself and the text is of no use."""

    text: str
    flags: tuple[str, ...]
    runaway: bool


def sentence_case(text: str) -> str:
    """Cleaned tokens ("heart is normal . no effusion .") -> prose ("Heart is normal. No effusion.")."""
    joined = re.sub(r"(\w) ([-/']) (?=\w)", r"\1\2", text.replace(" ,", ","))
    parts = split_sentences(joined)
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts)


def split_sentences(text: str) -> list[str]:
    """Sentences of generated text, without their full stops; a stop between two digits is a decimal point."""
    return [part.strip() for part in re.split(r"(?<!\d)\s*\.|\.(?!\s*\d)", text) if part.strip()]


def tidy(raw: str, complete: bool) -> Prose:
    """Generated text -> prose. `complete` False: the length limit has cut it.

    Flags: "hit_max_length", and "repeated_sentence" where a sentence came twice; it is said once in the text.
    """
    sentences = split_sentences(raw)
    if not complete and not raw.endswith(".") and len(sentences) > 1:
        sentences.pop()  # half a sentence can say the opposite
    once = list(dict.fromkeys(sentences))
    text = sentence_case(" . ".join(once))
    flags = [] if complete else [Flag.HIT_MAX_LENGTH]
    if len(once) < len(sentences):
        flags.append(Flag.REPEATED_SENTENCE)  # a reader gains nothing from the rest
    return Prose(text, tuple(flags), _RUNAWAY.search(text.lower()) is not None)
