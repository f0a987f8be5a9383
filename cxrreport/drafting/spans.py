"""Which words of a draft to mark: evidence of findings, changes, what contradicts the table, invented comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from cxrreport.findings import CHANGED, Change, State
from cxrreport.records import Span
from cxrreport.reports.words import COMPARISON

_PRESENT = frozenset({Change.NEW, Change.WORSENED, Change.IMPROVED, Change.UNCHANGED})

# Words of change beside a mention, and the changes of the table that they do not contradict: an "increased" opacity may
# merely be dense, and what has cleared in part may be called either.
_SEEN = r"(?:seen|noted|demonstrated|identified|visuali[sz]ed|present)"
_WORDS: tuple[tuple[frozenset[Change], str], ...] = (
    (
        frozenset({Change.UNCHANGED}),
        rf"unchanged|stable|persist(?:s|ent|ing|ence)|again {_SEEN}|(?:is|are) again|as before|similar to|remains?"
        r"|re-?demonstrat\w+|(?:no|without) (?:\w+ ){0,2}change|(?:has|have) not (?:\w+ )?changed",
    ),
    (
        frozenset({Change.NEW}),
        rf"new(?!\s+york)|newly|interval (?:development|appearance|placement)|(?:has|have) developed"
        rf"|not (?:{_SEEN} )?(?:previously|before)(?: {_SEEN})?",
    ),
    (
        frozenset({Change.WORSENED, Change.NEW}),
        r"increas(?:ed?|es|ing|ingly)|more (?:prominent|conspicuous|pronounced|extensive|apparent)",
    ),
    (
        frozenset({Change.WORSENED}),
        r"worse|worsen(?:ed|ing)|larger|enlarging|progress(?:ed|ion|ive|ing)|grown|interval (?:enlargement|growth)"
        r"|(?:has|have) (?:\w+ )?enlarged",
    ),
    (
        frozenset({Change.IMPROVED, Change.RESOLVED}),
        r"improv(?:ed|ing|ement)|decreas(?:ed?|es|ing)|smaller|diminished|resolving|resolved|resolution|cleared|clearing"
        r"|reduction|disappearance|no longer|less (?:prominent|conspicuous|pronounced|extensive|apparent)",
    ),
    (frozenset({Change.RESOLVED}), r"removed|removal"),
)
_CHANGE_WORDS = tuple((fitting, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for fitting, words in _WORDS)
_REMOVAL = re.compile(
    r"\b(?:removed|removal|placement)\b", re.IGNORECASE
)  # such a sentence names no finding for the labeler
_DENIAL = re.compile(r"\b(?:not|no|without|nor|neither|never)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.;:,!?]|\b(?:and|but|with|without|while|or)\b", re.IGNORECASE)


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
    """Mark the words of a section that assert a finding, say what became of it, or contradict the table.

    A mention that asserts a finding, or denies one that has resolved, is marked "change" where the finding is new,
    worsened, improved or resolved, else "evidence"; so is a word of change in its clause ("increased"). Kind "flag" is
    for a mention and a word that say the opposite of the finding's change. Mentions that lie outside the text are left
    out, white space at their ends too, and of equal spans one is kept.
    """
    agreeing = _agreeing(mentions, changes)
    spans: list[Span | None] = []
    for mention in mentions:
        change = changes.get(mention.finding)
        kind = _kind(mention, change, mention.finding in agreeing)
        if kind:
            spans.append(_trimmed(section, text, mention.start, mention.end, kind, mention.finding))
        if change and kind in ("change", "evidence"):
            spans += _words_of_change(section, text, mention, clause_of(text, mention, mentions), change)
    return _ordered(span for span in spans if span is not None)


def _agreeing(mentions: Sequence[MentionLike], changes: Mapping[str, Change]) -> set[str]:
    """Findings of which some mention says what the table says: "no right effusion" beside a left one is no contradiction."""
    return {m.finding for m in mentions if (m.state == State.POSITIVE) == (changes.get(m.finding) in _PRESENT)}


def _kind(mention: MentionLike, change: Change | None, agreed: bool) -> str:
    """Kind of the span of one mention; "" where it is not marked."""
    if change is None:
        return "evidence" if mention.state == State.POSITIVE else ""
    if mention.state == State.POSITIVE:
        return "flag" if change not in _PRESENT else "change" if change in CHANGED else "evidence"
    if mention.state == State.NEGATIVE and change in _PRESENT:
        return "" if agreed else "flag"
    return "change" if mention.state == State.NEGATIVE and change == Change.RESOLVED else ""


def clause_of(text: str, mention: MentionLike, mentions: Sequence[MentionLike]) -> tuple[int, int]:
    """The clause of a mention without its neighbours, as half-open range."""
    start = max([0, *(other.end for other in mentions if other.end <= mention.start)])
    end = min([len(text), *(other.start for other in mentions if other.start >= mention.end)])
    breaks = [match.end() for match in _CLAUSE_END.finditer(text, start, max(start, mention.start))]
    stop = _CLAUSE_END.search(text, mention.end, end)
    return (breaks[-1] if breaks else start), (stop.start() if stop else end)


def _words_of_change(
    section: str, text: str, mention: MentionLike, clause: tuple[int, int], change: Change
) -> Iterator[Span | None]:
    """Spans of the words of change beside a mention: "flag" where they contradict the table."""
    for fitting, words in _CHANGE_WORDS:
        for start, end in (match.span() for match in words.finditer(text, *clause)):
            if mention.start < end and start < mention.end:  # part of the name: "increased interstitial markings"
                continue
            if change not in fitting:
                yield _trimmed(section, text, start, end, "flag", mention.finding)
            elif change in CHANGED:
                yield _trimmed(section, text, start, end, "change", mention.finding)


def judge_comparisons(
    text: str, sentences: Sequence[tuple[int, int]], mentions: Sequence[MentionLike], changes: Mapping[str, Change]
) -> list[tuple[int, int, bool]]:
    """Those of the sentences (half-open ranges) that compare with a prior, and whether the changes bear them out.

    A sentence speaks of the findings that it names, or if it names none ("This has increased.") of those of the sentence
    before. It is borne out where it has words of change, each of which fits the change of one of these findings, and
    denies nothing else: "has not increased" is too much to be judged.
    """
    judged, subject = [], set[str]()
    for start, end in sentences:
        named = {m.finding for m in mentions if start <= m.start < end}
        if not named and _REMOVAL.search(text, start, end):
            named = {"support devices"}
        subject = named or subject
        if COMPARISON.search(text, start, end):
            known = {changes[finding] for finding in subject if finding in changes}
            judged.append((start, end, _fits(text[start:end], known)))
    return judged


def _fits(sentence: str, known: set[Change]) -> bool:
    found = [(match.span(), fitting) for fitting, words in _CHANGE_WORDS for match in words.finditer(sentence)]
    denied = [match.start() for match in _DENIAL.finditer(sentence)]
    all_said = all(any(a <= place < b for (a, b), _ in found) for place in denied)
    return bool(found) and all_said and all(fitting & known for _, fitting in found)


def flag_hallucinated_comparison(text: str, section: str = "findings") -> tuple[Span, ...]:
    """Flag the words of comparison in a text that was written without any prior (kind "flag")."""
    found = (_trimmed(section, text, *match.span(), "flag", None) for match in COMPARISON.finditer(text))
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
