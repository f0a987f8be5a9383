"""The sentences of a draft against what was said of its prior: added, dropped, of another severity, kept.

What counts is which findings a sentence asserts, denies or doubts, not how it words them; words decide only for a
sentence that speaks of no finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cxrreport.findings import State
from cxrreport.reports.claims import Sentence, read
from cxrreport.store.views import DraftView, PriorReport

Fact = tuple[str, State]


@dataclass(frozen=True, slots=True)
class SentenceChange:
    """One sentence, and what it is against the prior's report.

    Attributes
    ----------
    kind : "added", "severity", "kept", or "dropped".
    start, end : half-open range of the draft; None for a dropped sentence, whose text is the prior's.
    finding, before, after : of kind "severity": the finding and its words of severity, then and now.
    """

    kind: str
    text: str
    start: int | None = None
    end: int | None = None
    finding: str | None = None
    before: str | None = None
    after: str | None = None


def compare_with_prior(view: DraftView) -> tuple[SentenceChange, ...]:
    """Sentences of the draft's findings against what was said of the prior; () where there is nothing to compare."""
    if view.draft is None or view.prior_report is None:
        return ()
    prior = list(_of_report(view.prior_report))
    return _compare(list(_facts(view.draft.findings)), prior) if prior else ()


def compare_sentences(draft: str, prior: str) -> tuple[SentenceChange, ...]:
    """Compare a draft with the prior's report: the draft's sentences in order, then those that were dropped.

    A sentence is kept where the prior's report holds each of its findings in the same state, wherever and however
    said. It is of another severity where one of them has a word of severity now which it had not then, and had another.
    A prior's sentence is dropped where it says something that neither the draft nor a dropped one before it says.
    """
    return _compare(list(_facts(draft)), list(_facts(prior)))


@dataclass(frozen=True, slots=True)
class _Degree:
    """A word of severity and its place in the order, 0 = least."""

    rank: int
    word: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    start: int
    end: int
    facts: Mapping[Fact, Sequence[_Degree]]

    @property
    def wording(self) -> str:
        return " ".join(re.findall(r"\w+", self.text.lower()))


def _of_report(report: PriorReport) -> Iterator[_Sentence]:
    """Findings and impression; what the impression says beside findings ("no acute disease") is no sentence to miss."""
    findings = report.findings.strip()
    for sentence in _facts(f"{findings}\n\n{report.impression}".strip()):
        if not findings or sentence.start < len(findings) or sentence.facts:
            yield sentence


def _facts(text: str) -> Iterator[_Sentence]:
    for sentence in read(text):
        yield _Sentence(text[sentence.start : sentence.end], sentence.start, sentence.end, _degrees(text, sentence))


def _degrees(text: str, sentence: Sentence) -> dict[Fact, list[_Degree]]:
    facts: dict[Fact, list[_Degree]] = {}
    for claim in sentence.claims:
        degrees, word = facts.setdefault((claim.finding, claim.state), []), claim.degree
        if claim.state is not State.NEGATIVE and word and word.meaning.severity is not None:
            degrees.append(_Degree(word.meaning.severity, text[word.start : word.end].lower()))
    return facts


def _merged(sentences: Iterable[_Sentence]) -> dict[Fact, list[_Degree]]:
    merged: dict[Fact, list[_Degree]] = {}
    for sentence in sentences:
        for fact, degrees in sentence.facts.items():
            merged.setdefault(fact, []).extend(degrees)
    return merged


def _compare(now: Sequence[_Sentence], before: Sequence[_Sentence]) -> tuple[SentenceChange, ...]:
    known, wordings = _merged(before), {one.wording for one in before}
    return (*(_compared(sentence, known, wordings) for sentence in now), *_dropped(before, now))


def _compared(sentence: _Sentence, known: Mapping[Fact, Sequence[_Degree]], wordings: set[str]) -> SentenceChange:
    place = (sentence.text, sentence.start, sentence.end)
    said = sentence.facts.keys() <= known.keys() if sentence.facts else sentence.wording in wordings
    if not said:
        return SentenceChange("added", *place)
    for (finding, state), degrees in sentence.facts.items():
        before = known[finding, state]
        for degree in degrees:
            if before and degree.rank not in {one.rank for one in before}:
                return SentenceChange("severity", *place, finding, before[0].word, degree.word)
    return SentenceChange("kept", *place)


def _dropped(before: Sequence[_Sentence], now: Sequence[_Sentence]) -> Iterator[SentenceChange]:
    facts, wordings = set(_merged(now)), {sentence.wording for sentence in now}
    for sentence in before:
        said = sentence.facts.keys() <= facts if sentence.facts else sentence.wording in wordings
        if not said:
            yield SentenceChange("dropped", sentence.text)
        facts.update(sentence.facts)
        wordings.add(sentence.wording)
