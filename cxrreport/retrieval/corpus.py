"""Archive reports as passages of the retrieval index."""

from __future__ import annotations

import re

MAX_CHARS = 2_000  # the text encoder reads no further; a bound also keeps one monstrous report from filling a batch
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]")


def clean_passage(text: str) -> str:
    """Collapse white space, drop control and direction marks, keep at most `MAX_CHARS` characters of whole words."""
    text = " ".join(_CONTROL.sub("", text).split())
    if len(text) <= MAX_CHARS:
        return text
    return text[: MAX_CHARS + 1].rpartition(" ")[0] or text[:MAX_CHARS]
