"""Faults of a draft that a reader finds beside the study's own table, counted from its text alone.

The drafting code has no part in it: the claims are read from the stored text as from a signed report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, permutations

from cxrreport.findings import OTHER, THERE, Change, State, implied_by
from cxrreport.reports.claims import Claim, Sentence, Text
from cxrreport.reports.labels import with_parents
from cxrreport.reports.qualifiers import Side
from cxrreport.reports.summaries import summaries
from cxrreport.reports.whole import is_whole

States = Mapping[str, State]
FAULTS = ("unlicensed", "contradictions", "invented_comparisons", "wrong_negatives", "missed_positives", "broken")
_NEVER = frozenset({"tip position", "cause", "recommendation", "history", "technique", "name", "date"})
_AGAINST = ({Change.IMPROVED, Change.RESOLVED}, {Change.NEW, Change.WORSENED}, {Change.UNCHANGED})


def count_faults(text: Text, table: States, truth: States) -> dict[str, int]:
    """Number of each of `FAULTS` in the draft of a study without a prior.

    table : the study's own states. truth : those of the reference.
    """
    denied = {finding for sentence in text for finding in _denied(text, sentence)} - _asserted(text)
    known = {finding for finding, state in table.items() if state is State.POSITIVE and truth[finding] is state}
    told = {f for f, state in with_parents(text.states).items() if state in THERE}
    counts = (
        sum(1 for sentence in text for _ in unlicensed(text, sentence, table)),
        contradictions(text),
        sum(bool(sentence.comparisons) for sentence in text),
        sum(truth.get(finding) is State.POSITIVE for finding in denied),
        len(known - told - {"no finding"}),
        sum(not is_whole(text.of(sentence)) for sentence in text),
    )
    return dict(zip(FAULTS, counts, strict=True))


def _asserted(sentences: Iterable[Sentence]) -> set[str]:
    return {claim.finding for one in sentences for claim in one.claims if claim.state is State.POSITIVE}


def _denied(text: Text, sentence: Sentence) -> set[str]:
    """What a sentence denies by name or sums up as absent."""
    summed_up = (covered for _, covered in summaries(text.string, sentence))
    return {c.finding for c in sentence.claims if c.state is State.NEGATIVE}.union(*summed_up)


def unlicensed(text: Text, sentence: Sentence, table: States) -> Iterator[str]:
    """What a sentence claims beyond the table of a study without a prior: a state, or a detail that no output tells."""
    there = (finding for finding, state in table.items() if state is State.POSITIVE)
    implied = {**table, **dict.fromkeys(implied_by(there), State.POSITIVE)}
    for claim in sentence.claims:
        if claim.finding == OTHER or not _licensed(claim, implied):
            yield "state"
        elif claim.state is not State.NEGATIVE and (claim.side or claim.degree):
            yield "detail"
    for _, covered in summaries(text.string, sentence):
        if any(implied[finding] is not State.NEGATIVE for finding in covered):
            yield "summary"
    if sentence.measures:
        yield "size"
    yield from (one.kind for one in sentence.specifics if one.kind in _NEVER)


def _licensed(claim: Claim, table: States) -> bool:
    """Negative, positive, or a hedge of what is either uncertain or positive."""
    state = table[claim.finding]
    return state is claim.state or (claim.state is State.UNCERTAIN and state is State.POSITIVE)


def contradictions(text: Text) -> int:
    """Pairs that cannot both be true: a finding there and not there, or changed in two directions.

    A summary ("the lungs are clear") is against what another sentence asserts.
    """
    claims = [claim for sentence in text for claim in sentence.claims if claim.finding != OTHER]
    pairs = ((a, b) for a, b in combinations(claims, 2) if a.finding == b.finding and _meet(a.side, b.side))
    summed_up = sum(
        bool((covered - {claim.finding for claim in one.claims}) & _asserted([other]))
        for one, other in permutations(text, 2)
        for _, covered in summaries(text.string, one)
    )
    return summed_up + sum(_denies(a, b) or _denies(b, a) or _opposed(a, b) for a, b in pairs)


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
