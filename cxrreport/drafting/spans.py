"""Which words of a draft to mark: evidence of findings, changes, what contradicts the table, invented comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from cxrreport.drafts import Span
from cxrreport.findings import CHANGED, OTHER, Change, State
from cxrreport.reports.claims import Claim, Sentence, Text
from cxrreport.reports.qualifiers import Word

_PRESENT = frozenset({Change.NEW, Change.WORSENED, Change.IMPROVED, Change.UNCHANGED})
_DEVICE = re.compile(r"\b(?:removed|removal|placement)\b", re.IGNORECASE)  # said of what the labeler need not know
_DENIAL = re.compile(r"\b(?:not|no|without|nor|neither|never)\b", re.IGNORECASE)


def mark_text(text: Text, changes: Mapping[str, Change], *, compared: bool) -> tuple[Span, ...]:
    """Spans of the findings section of a draft.

    A mention that asserts a finding, or denies one that has resolved, is marked "change" where the finding is new,
    worsened, improved or resolved, else "evidence"; so is a word of change that belongs to it ("increased"). Kind "flag"
    is for a mention and a word that say the opposite of the finding's change, and for words of comparison that no change
    of the table supports. compared : the decoder has read the prior; of one that has not all of them are flagged.
    """
    spans = _of_findings([claim for sentence in text for claim in sentence.claims], changes)
    supported = [(span.start_char, span.end_char) for span in spans if span.kind == "change"]
    checked = check_comparisons(text, changes if compared else {})
    supported += [(sentence.start, sentence.end) for sentence, true in checked if true]
    flagged = (_span(word, "flag", None) for sentence in text for word in sentence.comparisons)
    return (*spans, *(s for s in flagged if not any(a < s.end_char and s.start_char < b for a, b in supported)))


def check_comparisons(text: Text, changes: Mapping[str, Change]) -> list[tuple[Sentence, bool]]:
    """Those of its sentences that compare with a prior, and whether the changes support them.

    A sentence speaks of the findings that it names, or if it names none ("This has increased.") of those of the sentence
    before. It is supported where it has words of change, each of which fits the change of one of these findings, and
    denies nothing else: "has not increased" says too little.
    """
    checked, subject = [], set[str]()
    for sentence in text:
        named = {claim.finding for claim in sentence.claims}
        if not named and _DEVICE.search(text.string, sentence.start, sentence.end):
            named = {"support devices"}
        subject = named or subject
        if sentence.comparisons:
            known = {changes[finding] for finding in subject if finding in changes}
            checked.append((sentence, _supported(text, sentence, known)))
    return checked


def _supported(text: Text, sentence: Sentence, known: set[Change]) -> bool:
    denied = [match.start() for match in _DENIAL.finditer(text.string, sentence.start, sentence.end)]
    all_meant = all(any(word.start <= place < word.end for word in sentence.changes) for place in denied)
    return bool(sentence.changes) and all_meant and all(known & {*word.meaning.fits} for word in sentence.changes)


def _of_findings(claims: Sequence[Claim], changes: Mapping[str, Change]) -> tuple[Span, ...]:
    """Marks of the mentions and of their words of change; "no right effusion" beside a left one is no contradiction."""
    agreeing = {c.finding for c in claims if (c.state == State.POSITIVE) == (changes.get(c.finding) in _PRESENT)}
    spans = set[Span]()
    for claim in claims:
        change = changes.get(claim.finding)
        kind = _kind(claim, change, claim.finding in agreeing)
        if kind:
            spans.add(_span(claim, kind, claim.finding))
        if change and kind in ("change", "evidence"):
            spans.update(_words_of_change(claim, change))
    return tuple(sorted(spans, key=lambda span: (span.start_char, span.end_char, span.finding or "")))


def _kind(claim: Claim, change: Change | None, agreed: bool) -> str:
    """Kind of the span of one mention; "" where it is not marked."""
    if claim.finding == OTHER:  # no row of the table
        return ""
    if change is None:
        return "evidence" if claim.state == State.POSITIVE else ""
    if claim.state == State.POSITIVE:
        return "flag" if change not in _PRESENT else "change" if change in CHANGED else "evidence"
    if claim.state == State.NEGATIVE and change in _PRESENT:
        return "" if agreed else "flag"
    return "change" if claim.state == State.NEGATIVE and change == Change.RESOLVED else ""


def _words_of_change(claim: Claim, change: Change) -> Iterator[Span]:
    """Spans of the words of change of a mention: "flag" where they contradict the table."""
    for word in claim.changes:
        if (
            word.end <= claim.start or claim.end <= word.start
        ):  # not part of the name: "increased interstitial markings"
            if change not in word.meaning.fits:
                yield _span(word, "flag", claim.finding)
            elif change in CHANGED:
                yield _span(word, "change", claim.finding)


def _span(place: Claim | Word, kind: str, finding: str | None) -> Span:
    return Span("findings", place.start, place.end, kind, finding)
