"""The sentences of a draft against what was said of its prior: added, dropped, of another severity, kept.

What counts is which findings a sentence asserts, denies or doubts, not how it words them; words decide only for a
sentence that speaks of no finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from cxrreport.findings import CHANGED, State
from cxrreport.reports.claims import read
from cxrreport.store.views import DraftView, PriorReport

Fact = tuple[str, State]
Degree = tuple[int, str]  # a word of severity, behind its rank: 0 = least


@dataclass(frozen=True, slots=True)
class SentenceChange:
    """One sentence, and what it is against the prior's report.

    Attributes
    ----------
    kind : "added", "severity", "kept", "dropped", or "withheld" where the change of one of its findings is.
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
    """The draft's sentences in order against what was said of the prior, then those that were dropped; () without either,
    or of a study that is abstained from.

    A sentence is kept where the prior's report holds each of its findings in the same state, wherever and however
    said, and it tells of none that anything has become of it since: nobody could say that of the prior. It is of
    another severity where one of them has a word of severity now which it had not then, and had another.
    A prior's sentence is dropped where it says something that neither the draft nor a dropped one before it says. Of
    findings of which the draft withholds anything nothing is compared, and nothing is missed.
    """
    if view.draft is None or view.draft.abstained or view.prior_report is None:
        return ()
    now, before = list(_sentences(view.draft.findings)), list(_of_report(view.prior_report))
    if not before:
        return ()
    said = {what for sentence in before for what in sentence.said}
    degrees: dict[Fact, list[Degree]] = {}
    for sentence in before:
        for fact, given in sentence.facts.items():
            degrees.setdefault(fact, []).extend(given)
    withheld = {row.finding for row in view.draft.withheld}
    return (
        *(_compared(sentence, said, degrees, withheld) for sentence in now),
        *_dropped(before, now, withheld),
    )


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    start: int
    end: int
    facts: Mapping[Fact, Sequence[Degree]]
    changed: bool  # something of it is new, worse, better or gone

    @property
    def said(self) -> set[Fact | str]:
        """What counts of it: the findings, or where it speaks of none the words."""
        return {*self.facts} or {" ".join(re.findall(r"\w+", self.text.lower()))}


def _of_report(report: PriorReport) -> Iterator[_Sentence]:
    """Findings and impression; what the impression says beside findings ("no acute disease") is no sentence to miss."""
    findings = report.findings.strip()
    for sentence in _sentences(f"{findings}\n\n{report.impression}".strip()):
        if not findings or sentence.start < len(findings) or sentence.facts:
            yield sentence


def _sentences(text: str) -> Iterator[_Sentence]:
    for sentence in read(text):
        facts: dict[Fact, list[Degree]] = {}
        for claim in sentence.claims:
            degrees, word = facts.setdefault((claim.finding, claim.state), []), claim.degree
            if claim.state is not State.NEGATIVE and word and word.meaning.severity is not None:
                degrees.append((word.meaning.severity, text[word.start : word.end].lower()))
        changed = any(claim.change in CHANGED for claim in sentence.claims)
        yield _Sentence(text[sentence.start : sentence.end], sentence.start, sentence.end, facts, changed)


def _compared(
    sentence: _Sentence, said: set[Fact | str], known: Mapping[Fact, Sequence[Degree]], withheld: Set[str]
) -> SentenceChange:
    place = (sentence.text, sentence.start, sentence.end)
    if any(finding in withheld for finding, _ in sentence.facts):
        return SentenceChange("withheld", *place)
    if not sentence.said <= said:
        return SentenceChange("added", *place)
    for fact, degrees in sentence.facts.items():
        before = dict(known[fact])
        for rank, word in degrees:
            if before and rank not in before:
                return SentenceChange("severity", *place, fact[0], known[fact][0][1], word)
    return SentenceChange("added" if sentence.changed else "kept", *place)


def _dropped(before: Sequence[_Sentence], now: Sequence[_Sentence], withheld: Set[str]) -> Iterator[SentenceChange]:
    said = {what for sentence in now for what in sentence.said}
    for sentence in before:
        said |= {fact for fact in sentence.facts if fact[0] in withheld}
        if not sentence.said <= said:
            yield SentenceChange("dropped", sentence.text)
        said |= sentence.said
