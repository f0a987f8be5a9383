"""Which words of a draft to mark: evidence of findings, changes, and comparison where there is no prior."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from cxrreport.records import Change, Span, State
from cxrreport.vocabulary import COMPARISON_WORDS

_CHANGED = frozenset({Change.NEW, Change.WORSENED, Change.IMPROVED, Change.RESOLVED})

_COMPARISON = re.compile(rf"\b(?:{'|'.join(COMPARISON_WORDS)})\b", re.IGNORECASE)


class MentionLike(Protocol):
    """A place where a text speaks of a finding: half-open character range."""

    @property
    def finding(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> State: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102


def find_spans(
    section: str, text: str, mentions: Sequence[MentionLike], changes: Mapping[str, Change]
) -> tuple[Span, ...]:
    """Mark the words of a section that assert a finding, or deny one that has resolved.

    The kind is "change" where the finding is new, worsened, improved or resolved, else "evidence". Mentions that lie
    outside the text are left out, white space at their ends too, and of equal spans one is kept.
    """
    spans = (_span(section, text, mention, changes.get(mention.finding)) for mention in mentions)
    return _ordered(span for span in spans if span is not None)


def _span(section: str, text: str, mention: MentionLike, change: Change | None) -> Span | None:
    resolved = change == Change.RESOLVED and mention.state == State.NEGATIVE
    if mention.state != State.POSITIVE and not resolved:
        return None
    kind = "change" if change in _CHANGED else "evidence"
    return _trimmed(section, text, mention.start, mention.end, kind, mention.finding)


def flag_hallucinated_comparison(text: str, section: str = "findings") -> tuple[Span, ...]:
    """Flag the words of comparison in the draft of a study that has no prior (kind "flag")."""
    found = (_trimmed(section, text, *match.span(), "flag", None) for match in _COMPARISON.finditer(text))
    return _ordered(span for span in found if span is not None)


def _trimmed(section: str, text: str, start: int, end: int, kind: str, finding: str | None) -> Span | None:
    if not 0 <= start < end <= len(text):
        return None
    words = text[start:end]
    start += len(words) - len(words.lstrip())
    end -= len(words) - len(words.rstrip())
    return Span(section, start, end, kind, finding) if start < end else None


def _ordered(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(set(spans), key=lambda span: (span.start_char, span.end_char, span.finding or "")))
