"""Which words of a draft to mark: those that rest on a row of the table, with how sure their sentence is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cxrreport.drafting.confidence import confidence
from cxrreport.drafting.known import Known
from cxrreport.drafts import Span
from cxrreport.findings import CHANGED, OTHER, State
from cxrreport.reports.claims import Sentence, Text
from cxrreport.reports.summaries import summaries


def mark_text(text: Text, known: Known, beams: Sequence[Mapping[str, State]]) -> tuple[Span, ...]:
    """Spans of the findings section of a draft, each with the finding that its words rest on.

    Kind "change" where the words say or name a finding that is new, worsened, improved or resolved, else "evidence": of
    what is denied and summed up too. All spans of a sentence have the confidence of that sentence.
    """
    spans = list[Span]()
    for sentence in text:
        found = {*_of_claims(sentence, known), *_of_summaries(text, sentence)}
        rests = sorted({span.finding for span in found if span.finding})
        sure = confidence(rests, known, beams, compares=bool(sentence.comparisons))
        spans += [replace(span, confidence=sure) for span in found]
    return tuple(sorted(spans, key=lambda span: (span.start_char, span.end_char, span.finding or "")))


def _of_claims(sentence: Sentence, known: Known) -> Iterator[Span]:
    """Marks of the mentions and of their words of change."""
    for claim in sentence.claims:
        if claim.finding == OTHER:  # no row of the table
            continue
        kind = _kind(claim.finding, known)
        yield Span("findings", claim.start, claim.end, kind, claim.finding)
        if kind == "change":
            apart = (word for word in claim.changes if word.end <= claim.start or claim.end <= word.start)
            yield from (Span("findings", word.start, word.end, kind, claim.finding) for word in apart)


def _of_summaries(text: Text, sentence: Sentence) -> Iterator[Span]:
    for one, covered in summaries(text.string, sentence):
        yield from (Span("findings", one.start, one.end, "evidence", finding) for finding in sorted(covered))


def _kind(finding: str, known: Known) -> str:
    return "change" if known.changes.get(finding) in CHANGED else "evidence"
