"""What became of each finding since the prior, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from cxrreport.drafts import Finding, Span
from cxrreport.findings import NAMES, PARENTS, Change, State, most_particular

_NO_FINDING = "no finding"
_UNREMARKABLE = "No acute cardiopulmonary abnormality."
# Said in this order: what is new matters most. The name stands before or after the word of change.
_PHRASES = {
    Change.NEW: "new {}",
    Change.WORSENED: "{} worsened",
    Change.IMPROVED: "{} improved",
    Change.RESOLVED: "{} resolved",
    Change.UNCHANGED: "{} unchanged",
}


_FROM_TWO = {  # what follows from a finding's presence now and before
    (True, True): Change.UNCHANGED,
    (True, False): Change.NEW,
    (False, True): Change.RESOLVED,
    (False, False): Change.ABSENT,
}
Observed = Mapping[str, tuple[Change | None, float | None]]


def compare(
    current: Sequence[Finding], prior: Sequence[Finding] | None, observed: Observed | None = None
) -> tuple[Finding, ...]:
    """Join the findings of a study with those of its prior.

    observed : change and its probability of each finding, from weights that compare the images; the states must agree with
        it. Without, the change follows from two studies each seen alone: a finding is present where its state is
        positive, absent where it is negative or not mentioned; where either study leaves it uncertain, nothing is said of
        its change. So come new, unchanged (present in both), resolved and absent, never worsened or improved. The
        probability of the change is then that of the two presences, taken as independent.

    "no finding" has no change, and without a prior nothing has.
    """
    before = {row.finding: row for row in prior or ()}
    return tuple(_joined(row, before.get(row.finding), observed) for row in current)


def _joined(row: Finding, prior: Finding | None, observed: Observed | None) -> Finding:
    if prior is None:
        return row
    change, probability = observed.get(row.finding, (None, None)) if observed is not None else _alone(row, prior)
    return replace(
        row, prior_state=prior.state, prior_probability=prior.probability, change=change, change_probability=probability
    )


def _alone(row: Finding, prior: Finding) -> tuple[Change | None, float | None]:
    """Change of a finding of two studies that nobody has compared."""
    if row.finding == _NO_FINDING or State.UNCERTAIN in (row.state, prior.state):
        return None, None
    now, before = row.state == State.POSITIVE, prior.state == State.POSITIVE
    likely = (row.probability if now else 1 - row.probability) * (
        prior.probability if before else 1 - prior.probability
    )
    return _FROM_TWO[now, before], likely


def comparison_sentence(
    rows: Sequence[Finding], prior_date: date | None, days: int | None
) -> tuple[str, tuple[Span, ...]]:
    """Say in one sentence what changed, with a span of kind "change" on the clause of each finding.

    Gives "" where no row has a change (there is no prior). An implied finding is not named beside what implies it.
    """
    if all(row.change is None for row in rows):
        return "", ()
    text = f"Compared with the prior{_when(prior_date, days)}: "
    clauses = _clauses(rows)
    if not clauses:
        return text + "no change in the findings.", ()
    spans = []
    for position, (finding, clause) in enumerate(clauses):
        text += "; " if position else ""
        spans.append(Span("comparison", len(text), len(text) + len(clause), "change", finding))
        text += clause
    return text + ".", tuple(spans)


def _clauses(rows: Sequence[Finding]) -> list[tuple[str, str]]:
    """(finding, clause) in the order of importance; none where nothing but unchanged findings is to be said."""
    clauses = []
    for change, phrase in _PHRASES.items():
        named = most_particular([row.finding for row in rows if row.change == change])
        clauses += [(change, finding, phrase.format(NAMES.get(finding, finding))) for finding in named]
    if all(change == Change.UNCHANGED for change, *_ in clauses):
        return []
    return [(finding, clause) for _, finding, clause in clauses]


def _when(prior_date: date | None, days: int | None) -> str:
    dated = f" of {prior_date.isoformat()}" if prior_date else ""
    if days is None:
        return dated
    if days == 0:
        return f"{dated} (the same day)"
    return f"{dated} ({days} day{'' if days == 1 else 's'} earlier)"


def impression(rows: Sequence[Finding]) -> str:
    """Write a short impression from the states: "Cardiomegaly and pleural effusion. Possible pneumonia."."""
    positive = _named(rows, State.POSITIVE)
    said = {parent for finding in positive for parent in PARENTS.get(finding, ())}
    possible = [finding for finding in _named(rows, State.UNCERTAIN) if finding not in said]
    sentences = [_listed(most_particular(positive)), _listed(most_particular(possible), "possible ")]
    text = " ".join(sentence for sentence in sentences if sentence)
    if not set(positive + possible) - {"support devices"}:
        return " ".join(filter(None, (_UNREMARKABLE, text)))
    return text


def _named(rows: Sequence[Finding], state: State) -> list[str]:
    return [row.finding for row in rows if row.state == state and row.finding != _NO_FINDING]


def _listed(findings: Sequence[str], lead: str = "") -> str:
    if not findings:
        return ""
    names = [NAMES.get(finding, finding) for finding in findings]
    joined = ", ".join(names[:-1]) + (" and " if names[:-1] else "") + names[-1]
    sentence = f"{lead}{joined}."
    return sentence[0].upper() + sentence[1:]
