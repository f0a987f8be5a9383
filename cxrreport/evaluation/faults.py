"""Faults of a draft that a reader finds beside the study's own table, counted from its text alone.

The drafting code has no part in it: the claims are read from the stored text as from a signed report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from cxrreport.findings import OTHER, PARENTS, Change, State
from cxrreport.reports.claims import Claim, Sentence, Text
from cxrreport.reports.labels import with_parents
from cxrreport.reports.qualifiers import Side

States = Mapping[str, State]
FAULTS = ("unlicensed", "contradictions", "invented_comparisons", "wrong_negatives", "missed_positives", "broken")
_NEVER = frozenset({"tip position", "cause", "recommendation", "history", "technique", "name", "date"})
_HOLE = re.compile(
    r"x{3,}|\b(?:the|an?|of|and|with) (?:is|are|was|were|and|of|or)\b|(?:\b(?:the|an?|of|and|or|with|in)|,)\W*$"
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|can|cannot|may|could|appears?|remains?|shows?|demonstrates?|reveals?|seen"
    r"|noted|identified|present|lies|overl(?:y|ies)|persists?|suggests?|represents?|improved|worsened|increased|decreased"
    r"|resolved|developed)\b"
)
_NEEDS_NONE = re.compile(
    r"(?:no|without|negative for|normal|clear|unremarkable|stable)\b|.*\b(?:clear|normal|unremarkable|intact)\W*$"
)
_AGAINST = ({Change.IMPROVED, Change.RESOLVED}, {Change.NEW, Change.WORSENED}, {Change.UNCHANGED})


def count_faults(text: Text, table: States, truth: States) -> dict[str, int]:
    """Number of each of `FAULTS` in the draft of a study without a prior.

    table : the study's own states. truth : those of the reference.
    """
    denied = {claim.finding for one in text for claim in one.claims if claim.state is State.NEGATIVE} - _asserted(text)
    known = {finding for finding, state in table.items() if state is State.POSITIVE and truth[finding] is state}
    told = {f for f, state in with_parents(text.states).items() if state in (State.POSITIVE, State.UNCERTAIN)}
    counts = (
        sum(1 for sentence in text for _ in unlicensed(sentence, table)),
        contradictions(text),
        sum(bool(sentence.comparisons) for sentence in text),
        sum(truth.get(finding) is State.POSITIVE for finding in denied),
        len(known - told - {"no finding"}),
        sum(is_broken(text.of(sentence)) for sentence in text),
    )
    return dict(zip(FAULTS, counts, strict=True))


def _asserted(text: Text) -> set[str]:
    return {claim.finding for one in text for claim in one.claims if claim.state is State.POSITIVE}


def unlicensed(sentence: Sentence, table: States) -> Iterator[str]:
    """What a sentence claims beyond the table of a study without a prior: a state, or a detail that no output tells."""
    there = (finding for finding, state in table.items() if state is State.POSITIVE)
    implied = {**table, **{parent: State.POSITIVE for finding in there for parent in PARENTS.get(finding, ())}}
    for claim in sentence.claims:
        if claim.finding == OTHER or not _licensed(claim, implied):
            yield "state"
        elif claim.state is not State.NEGATIVE and (claim.side or claim.degree):
            yield "detail"
    if sentence.measures:
        yield "size"
    yield from (one.kind for one in sentence.specifics if one.kind in _NEVER)


def _licensed(claim: Claim, table: States) -> bool:
    """Negative, positive, or a hedge of what is either uncertain or positive."""
    state = table[claim.finding]
    return state is claim.state or (claim.state is State.UNCERTAIN and state is State.POSITIVE)


def contradictions(text: Text) -> int:
    """Pairs of claims of one finding that cannot both be true: there and not there, or changed in two directions."""
    claims = [claim for sentence in text for claim in sentence.claims if claim.finding != OTHER]
    pairs = ((a, b) for a, b in combinations(claims, 2) if a.finding == b.finding and _meet(a.side, b.side))
    return sum(_denies(a, b) or _denies(b, a) or _opposed(a, b) for a, b in pairs)


def _meet(first: Side | None, second: Side | None) -> bool:
    """Whether two claims can speak of one place."""
    return {first, second} != {Side.LEFT, Side.RIGHT}


def _denies(one: Claim, other: Claim) -> bool:
    """ "No effusion" denies one; "no large effusion" and "no focal opacity" with more said leave some."""
    return one.state is State.NEGATIVE and other.state is State.POSITIVE and not one.degree and not one.changes


def _opposed(one: Claim, other: Claim) -> bool:
    group = {change: number for number, changes in enumerate(_AGAINST) for change in changes}
    numbers = {group[c.change] for c in (one, other) if c.change in group}
    return len(numbers) == 2


def is_broken(sentence: str) -> bool:
    """No verb where one is needed, or a hole where a word was taken out."""
    words = " ".join(sentence.lower().split()).strip(" .")
    if _HOLE.search(words) or re.match(r"(?:and|or|but|of|with)\b", words):
        return True
    return not (_VERB.search(words) or _NEEDS_NONE.match(words))
