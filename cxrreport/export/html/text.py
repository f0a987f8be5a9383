"""A section of a draft cut into pieces, so that a page can mark the words that rest on a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cxrreport.drafts import Span

_STRONGEST = ("flag", "change", "evidence")  # of several spans over the same words


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a text. `kind` is that of their span, "" without one; `findings` are what they rest on.

    confidence : the least of their spans; None where nothing tells.
    """

    text: str
    kind: str = ""
    findings: tuple[str, ...] = ()
    confidence: float | None = None


def pieces(text: str, section: str, spans: Sequence[Span]) -> list[Piece]:
    """Cut a section wherever a span begins or ends; together the pieces are the text."""
    own = [span for span in spans if span.section == section and span.start_char < len(text)]
    cuts = sorted({0, len(text), *(min(end, len(text)) for span in own for end in (span.start_char, span.end_char))})
    return [_piece(text, start, end, own) for start, end in pairwise(cuts)]


def _piece(text: str, start: int, end: int, spans: Sequence[Span]) -> Piece:
    over = [span for span in spans if span.start_char <= start and end <= span.end_char]
    if not over:
        return Piece(text[start:end])
    kind = min((span.kind for span in over), key=_STRONGEST.index)
    findings = dict.fromkeys(span.finding for span in over if span.finding)
    sure = [span.confidence for span in over if span.confidence is not None]
    return Piece(text[start:end], kind, tuple(findings), min(sure, default=None))
